"""Make the SIMULATED ratings of the films data set, the same bytes every time.

The films are real. The users, what they watched, what they thought of it and when are not: they
come from the preference model below, drawn with a fixed seed. Run from anywhere:

    python kg_data/films/make_ratings.py [OUTPUT]

Without OUTPUT the file ratings.csv beside this script is replaced.

The model, in the order of the code
-----------------------------------
1. Features. Every film entity is a vector over its genres (broader genres at half weight), themes,
   directors (weight 1) and actors (weight 0.6), languages and era (soft decades). Each block is
   weighted by how rare a feature is, scaled to length one, and the blocks are joined with the
   weights in BLOCKS. An item without an entity gets a made-up vector: the mean of two random films.
2. Taste. A user has three favourite films: one drawn at random, one from its nearest neighbors and
   one at random again. The taste vector is a weighted mean of the three, plus a few personal likes
   and dislikes of single features. A second taste is drawn near the first, and the user moves
   DRIFT of the way towards it over the four years.
3. Affinity. a(u, i, t) is taste times features, standardised over all items.
4. Popularity. log p(i) is normal with standard deviation POPULARITY_SD (a long tail). An item that
   arrives in the shop later cannot be watched before, and has a boost that fades after arrival.
5. Selection. A user's number of ratings is log-normal. Each film watched is drawn from those not
   yet watched with probability proportional to
   exp(CHOICE_TASTE * a + CHOICE_POPULARITY * log p + boost).
6. Rating. x = bias(u) + TASTE * a + quality(i) + noise, cut at CUTS into 1..5.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import pyoxigraph as ox

HERE = Path(__file__).resolve().parent
FILMS = "https://kgrec.example/films/"
SCHEMA = "https://schema.org/"
RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
BROADER = "http://www.w3.org/2004/02/skos/core#broader"

SEED = 20240229
N_USERS = 900
START = 1_577_836_800  # 1 January 2020, UTC
SPAN = 4 * 365 * 86_400  # four years, in seconds
YEAR = 365 * 86_400

# How much each block of features counts in the squared length of a film's vector.
BLOCKS = {"genre": 1.0, "theme": 1.0, "person": 1.0, "language": 0.45, "era": 0.45}
DRIFT = 0.35
POPULARITY_SD = 1.0
CHOICE_TASTE = 1.15
CHOICE_POPULARITY = 0.95
TASTE = 0.85
QUALITY_SD = 0.4
BIAS_SD = 0.35
NOISE_SD = 0.6
CUTS = (-1.2, -0.25, 0.7, 1.75)
MEAN_LOG_ACTIVITY, SD_LOG_ACTIVITY = 3.4, 0.65
MIN_RATINGS, MAX_RATINGS = 8, 170

# Well-described films that nobody has rated: they show what a recommender does from the graph.
COLD = (
    "2046-2004",
    "aliens-1986",
    "castle-in-the-sky-1986",
    "dunkirk-2017",
    "fargo-1996",
    "goodfellas-1990",
    "high-and-low-1963",
    "memories-of-murder-2003",
    "notorious-1946",
    "stalker-1979",
    "the-godfather-part-ii-1974",
    "the-handmaiden-2016",
    "vagabond-1985",
    "volver-2006",
)


def read_graph(path: Path) -> dict[str, dict[str, dict[str, float]]]:
    """For each film IRI and block, the weights of its features."""
    store = ox.Store()
    store.load(path=str(path))

    def objects(subject: str, predicate: str) -> list[str]:
        quads = store.quads_for_pattern(ox.NamedNode(subject), ox.NamedNode(predicate), None, None)
        return sorted(quad.object.value for quad in quads)

    movie = ox.NamedNode(SCHEMA + "Movie")
    movies = store.quads_for_pattern(None, ox.NamedNode(RDF_TYPE), movie, None)
    films: dict[str, dict[str, dict[str, float]]] = {}
    for film in sorted(quad.subject.value for quad in movies):
        genres: dict[str, float] = {}
        for genre in objects(film, SCHEMA + "genre"):
            genres[genre] = 1.0
            for broader in objects(genre, BROADER):
                genres.setdefault(broader, 0.5)
        people = dict.fromkeys(objects(film, SCHEMA + "actor"), 0.6)
        people.update(dict.fromkeys(objects(film, SCHEMA + "director"), 1.0))
        decade = (int(objects(film, FILMS + "releaseYear")[0]) - 1915) / 10
        films[film] = {
            "genre": genres,
            "theme": dict.fromkeys(objects(film, SCHEMA + "about"), 1.0),
            "person": people,
            "language": dict.fromkeys(objects(film, SCHEMA + "inLanguage"), 1.0),
            "era": {f"{k:02d}": float(np.exp(-((decade - k) ** 2) / 2)) for k in range(12)},
        }
    return films


def features(films: dict[str, dict[str, dict[str, float]]]) -> np.ndarray:
    """One row per film: blocks weighted by rarity, scaled to length one, joined."""
    parts = []
    for block, weight in BLOCKS.items():
        names = sorted({name for film in films.values() for name in film[block]})
        column = {name: k for k, name in enumerate(names)}
        matrix = np.zeros((len(films), len(names)))
        for row, film in enumerate(films.values()):
            for name, value in film[block].items():
                matrix[row, column[name]] = value
        if block == "person":  # someone seen only once ties a film to no other
            matrix = matrix[:, (matrix > 0).sum(axis=0) > 1]
        rarity = np.log(1 + len(films) / (1 + (matrix > 0).sum(axis=0)))
        matrix = matrix * rarity
        length = np.sqrt((matrix**2).sum(axis=1, keepdims=True))
        parts.append(np.sqrt(weight) * matrix / np.maximum(length, 1e-9))
    return np.hstack(parts)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def standardise(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def simulate() -> list[tuple[str, str, int, int]]:
    """All ratings as (user, item, rating, unix seconds), sorted by user and time."""
    rng = np.random.default_rng(SEED)
    films = read_graph(HERE / "films.ttl")
    by_film = features(films)
    row_of = {film: row for row, film in enumerate(films)}
    link = {row["item_id"]: row["iri"] for row in read_rows(HERE / "links.csv")}
    items = sorted(row["item_id"] for row in read_rows(HERE / "items.csv"))

    # 1. features of items
    x = np.zeros((len(items), by_film.shape[1]))
    for i, item in enumerate(items):
        if item in link:
            x[i] = by_film[row_of[link[item]]]
        else:
            x[i] = by_film[rng.choice(len(films), 2, replace=False)].mean(axis=0)
    x = x - x.mean(axis=0)
    near = np.round(x @ x.T, 9)  # rounded, so that ties are ties on every machine
    np.fill_diagonal(near, np.inf)
    cold = np.array([link.get(item, "").removeprefix(FILMS + "film/") in COLD for item in items])

    # 4. popularity, quality and arrival of items
    log_popularity = rng.normal(0, POPULARITY_SD, len(items))
    quality = rng.normal(0, QUALITY_SD, len(items))
    late = rng.random(len(items)) < 0.3
    arrival = np.where(late, rng.uniform(0, 0.8 * SPAN, len(items)), -2.0 * YEAR)

    def draw_taste(first: int) -> np.ndarray:
        # The 15 nearest items to the first favourite, itself (which comes first) left out.
        neighbors = np.argsort(-near[first], kind="stable")[1:16]
        second = rng.choice(neighbors)
        third = rng.integers(len(items))
        taste = x[first] + 0.9 * x[second] + 0.5 * x[third]
        personal = np.zeros(x.shape[1])
        chosen = rng.choice(x.shape[1], 12, replace=False)
        personal[chosen] = rng.normal(0, 0.35, 12)
        return taste + personal

    ratings = []
    for u in range(N_USERS):
        # 2. taste, and where it drifts to
        first = int(rng.integers(len(items)))
        before = standardise(x @ draw_taste(first))
        after = standardise(x @ draw_taste(int(np.argsort(-near[first], kind="stable")[5])))
        bias = rng.normal(0, BIAS_SD)
        wanted = int(np.exp(rng.normal(MEAN_LOG_ACTIVITY, SD_LOG_ACTIVITY)))
        n = min(max(wanted, MIN_RATINGS), MAX_RATINGS)
        begin = rng.uniform(0, 0.75 * SPAN)
        length = rng.uniform(0.08, 1.0) * (SPAN - begin)
        times = np.unique((begin + length * rng.random(n)).astype(np.int64))
        seen = cold.copy()
        for time in times.tolist():
            # 3. affinity at this time
            moved = DRIFT * time / SPAN
            affinity = standardise((1 - moved) * before + moved * after)
            # 5. selection, as the largest of the logits plus Gumbel noise
            age = (time - arrival) / YEAR
            boost = np.where(age > 0, 0.9 * np.exp(-2.0 * np.maximum(age, 0)), 0.0)
            logit = CHOICE_TASTE * affinity + CHOICE_POPULARITY * log_popularity + boost
            logit = logit + rng.gumbel(size=len(items))
            logit[seen | (age <= 0)] = -np.inf
            i = int(np.argmax(logit))
            seen[i] = True
            # 6. rating
            score = bias + TASTE * affinity[i] + quality[i] + rng.normal(0, NOISE_SD)
            rating = 1 + sum(score > cut for cut in CUTS)
            ratings.append((f"u{u + 1:04d}", items[i], int(rating), START + time))
    return ratings


def main(output: Path) -> None:
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["user_id", "item_id", "rating", "timestamp"])
        writer.writerows(simulate())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "ratings.csv")
