"""Any int8 .tflite on a board: compile it to C, build a bare image of it, run it on this PC or in an emulator."""
