"""The labels that tests of several areas export with."""

LABELS = ("dog barking", "rain", "police siren", "guitar", "glass breaking")
