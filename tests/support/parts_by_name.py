"""Parts of a link predictor by name, for tests that go through all of them."""

from kgrec.models.encoders import EncoderConfig
from kgrec.models.heads import HeadConfig
from kgrec.settings import kinds_of
from kgrec.training.losses import LossConfig

ENCODERS, HEADS = tuple(kinds_of(EncoderConfig)), tuple(kinds_of(HeadConfig))


def encoder(name, **settings):
    """Return the settings of an encoder: those of the given ones that it has."""
    return _part(EncoderConfig, name, settings)


def loss(name, **settings):
    """Return the settings of a loss: those of the given ones that it has."""
    return _part(LossConfig, name, settings)


def _part(union, name, settings):
    kind = kinds_of(union)[name]
    return kind(**{key: value for key, value in settings.items() if key in kind.model_fields})
