"""Words that say that one looks for something, and not for what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_ENGLISH: Final = """
a about after all also am an and any anybody anyone anything are around as at be been being but by
can could did do does done during each else every everybody everyone everything feel feeling few
find finding for from get give good got great had has have having he hello help her here hey hi
him his how i if in into is it its just kind know like liked look looking lot may maybe me might
mine more most much must my need nice no not now of off on once one ones only or other our out
over please prefer really recommend recommendation recommendations remember search searching see
seen set shall she should show so some somebody someone something somewhere sort such suggest
suggestion suggestions tell than thank thanks that the their them then there these they thing
things think this those to today told tonight too try under up us very want wanted was watch
watching we were what when where which while who whom whose why will wish with would yes you your
film films movie movies book books song songs album albums series novel novels story stories plot
item items product products
"""
_GERMAN: Final = """
ab aber alle als am an auch auf aus bei bin bitte da das dass dem den der des die dies diese
dieser dir doch du ein eine einem einen einer eines empfehlen er es etwas euch finden für gab
geben gerne gibt gut habe haben hat hätte hier ich ihm ihn ihr im in irgendein irgendwas irgendwo
ist ja jemand kann kannst können könnt könnte könnten man mein meine mich mir mit möchte möchten
nach nicht noch nur oder ohne schauen schön sehen sehr sein sich sie sind so suche suchen über um
und uns unter vom von vor wäre war was welche wenn wer wie wir wird wo wollen würde würden zeig
zeige zeigen zu zum zur filme buch bücher lied lieder geschichte geschichten roman romane
"""
_FRENCH: Final = """
à ai aime aimerais aimerait après as au aussi aux avec avez avoir avons bien ce cela ces cet cette
chanson chansons cherche cherchons chose comme conseiller dans de des du elle en est et être film
histoire histoires il ils je la le les leur livre livres lui ma mais me merci moi mon montrez ne
nous on ou où par pas plus pour pourriez pouvez quand que quel quelle quelque quelques qui
recommander regarder roman romans sa se ses si son sont sous sur toi ton tout très trouver tu un
une veux voir voudrais voudrions vous y
"""
_SPANISH: Final = """
a al algo alguien alguna alguno algún amigo bien buscamos busco buscando canciones canción como
con cuando de del desde donde el ella ellos en encontrar era es esa ese eso esta este esto está
favor fue gracias gusta gustaría ha hay historia historias la las le libro libros lo los me mi
mostrar muy más necesito no nos novela novelas o otra otro para película películas pero podría por
porque puede puedes que quiere quiero recomendar se ser si sin sobre su también te tiene todo un
una unas unos ver y yo
"""
FILLERS: Final = frozenset(f"{_ENGLISH} {_GERMAN} {_FRENCH} {_SPANISH}".split())
"""In the languages of explanations, in lower case."""


def without_fillers(words: Iterable[str], fillers: frozenset[str]) -> list[str]:
    """Return the words that are no fillers; all of them if there is no other one.

    >>> without_fillers(["a", "film", "about", "robots"], FILLERS)
    ['robots']
    >>> without_fillers(["it"], FILLERS)  # a novel
    ['it']
    """
    given = list(words)
    return [word for word in given if word not in fillers] or given
