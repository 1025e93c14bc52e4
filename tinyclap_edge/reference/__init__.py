"""The reference models: how the built-in teacher and students are made, from seeds alone, by one command."""
