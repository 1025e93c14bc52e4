"""The PlatformIO platform of tinyclap-edge. Its builder is builder/main.py; boards are described by the project."""

from platformio.public import PlatformBase


class TinyclapbarePlatform(PlatformBase):
    """No packages to download: compilers are found on the machine."""

    def is_embedded(self):
        """Without packages PlatformIO would take the target for the PC itself."""
        return True
