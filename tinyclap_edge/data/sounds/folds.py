"""Which families teach and which only examine: frozen before anything was tuned.

`related` was picked by hand so that each family has a seen relative (church bell and school bell, owl hooting and crow
cawing); `validation` stops the training; the two random folds hold families without any such care. The last three were
drawn once from the sorted remaining names by numpy.random.default_rng(20261121).permutation, and written down here.
No teacher, student, calibration set or caption ever sees a family that is not in SEEN.
"""

from __future__ import annotations

RELATED = (
    "church bell",
    "ambulance siren",
    "motorcycle",
    "harp",
    "sheep bleating",
    "stream",
    "owl hooting",
    "hammering",
    "mosquito",
    "carbon monoxide alarm",
)
VALIDATION = ("propeller plane", "sonar ping", "whistling", "crickets", "steam hissing", "baby crying")
RANDOM_A = ("gunshot", "footsteps", "horse galloping", "heartbeat", "trumpet", "songbird", "diesel truck", "gong")
RANDOM_B = (
    "wind",
    "bicycle bell",
    "crackling fire",
    "hair dryer",
    "coughing",
    "lawn mower",
    "electric fan",
    "smoke alarm",
)
SEEN = (
    "air raid siren",
    "alarm clock",
    "ball bouncing",
    "bass drum",
    "bee buzzing",
    "boiling water",
    "burglar alarm",
    "camera shutter",
    "car engine",
    "car horn",
    "cat meowing",
    "chainsaw",
    "clock ticking",
    "coins dropping",
    "cow mooing",
    "creaking door",
    "crow cawing",
    "cymbal",
    "dog barking",
    "door slamming",
    "doorbell",
    "dripping tap",
    "duck quacking",
    "electric drill",
    "flute",
    "frog croaking",
    "glass breaking",
    "guitar",
    "hail on a roof",
    "hand clapping",
    "helicopter",
    "keyboard typing",
    "knocking on a door",
    "laser zap",
    "laughter",
    "morse code",
    "ocean waves",
    "organ",
    "piano",
    "police siren",
    "radio static",
    "rain",
    "reversing truck beeper",
    "rooster crowing",
    "sawing wood",
    "school bell",
    "sewing machine",
    "snare drum",
    "snoring",
    "speech",
    "telephone ringing",
    "thunder",
    "touch-tone dialling",
    "train",
    "vacuum cleaner",
    "violin",
    "washing machine",
    "wind chimes",
    "wolf howling",
    "xylophone",
)
FOLDS: dict[str, tuple[str, ...]] = {
    "seen": SEEN,
    "validation": VALIDATION,
    "related": RELATED,
    "random-a": RANDOM_A,
    "random-b": RANDOM_B,
}
_FOLD_OF = {name: fold for fold, names in FOLDS.items() for name in names}


def fold_of(name: str) -> str:
    """The fold of a family: "seen", "validation", "related", "random-a" or "random-b". Unknown names raise KeyError."""
    return _FOLD_OF[name]
