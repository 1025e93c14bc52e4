"""Recipes are typed: what may be set, what is refused, and with which hint."""

from __future__ import annotations

import pytest

from tinyclap_edge.distill.recipes import RECIPES, find_recipe, values
from tinyclap_edge.distill.settings import with_settings
from tinyclap_edge.errors import UsageError


def test_the_four_recipes_have_names_and_titles() -> None:
    assert set(RECIPES) == {"edge", "tinyclap", "ssondo", "encoder-kd"}
    assert all(kind.title for kind in RECIPES.values())


def test_an_unknown_recipe_is_answered_with_its_neighbour() -> None:
    with pytest.raises(UsageError) as caught:
        find_recipe("tinyclapp")
    assert "did you mean 'tinyclap'" in caught.value.hint


def test_settings_take_the_type_of_their_field() -> None:
    made = with_settings(find_recipe("ssondo"), ["steps=12", "dropout=0.1", "loss=kl", "compile=yes"])
    assert (made.steps, made.dropout, made.loss, made.compile) == (12, 0.1, "kl", True)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("setting", "fact", "hint"),
    [
        ("stpes=3", "no setting 'stpes'", "did you mean 'steps'"),
        ("steps=many", "not a whole number", "takes a whole number"),
        ("steps=1.5", "not a whole number", "takes a whole number"),
        ("learning_rate=nan", "not a number", "takes a number"),
        ("schedule=cosin", "not a choice", "did you mean 'cosine'"),
        ("distort=perhaps", "neither yes nor no", "distort=yes"),
        ("steps", "has no value", "key=value"),
        ("steps=0", "outside", ""),
    ],
)
def test_a_setting_that_means_nothing_is_refused(setting: str, fact: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        with_settings(find_recipe("edge"), [setting])
    assert fact in caught.value.fact and hint in caught.value.hint


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        with_settings(find_recipe("edge"), ["steps=3", "steps=4"])


def test_tinyclap_has_two_stages_and_trains_its_projection_last() -> None:
    whole, projection = with_settings(find_recipe("tinyclap"), ["steps=110"]).stages()
    assert (whole.steps, whole.trained, whole.learning_rate) == (100, "all", 0.012)
    assert (projection.steps, projection.trained, projection.learning_rate) == (10, "head", 0.004)
    assert projection.from_best


def test_every_setting_of_a_recipe_can_be_written_as_it_is_shown() -> None:
    for name in RECIPES:
        recipe = find_recipe(name)
        assert with_settings(recipe, [f"{key}={value}" for key, value in values(recipe)]) == recipe
