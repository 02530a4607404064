"""The page does what it says, in a real browser, over a run whose labels are hostile."""

import json
from contextlib import ExitStack
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from browsing import DESKTOP, PHONE, VIEWS, Visitor, chromium
from hostile_project import DIRECTOR, JOB, MARK, TITLE, write_hostile_project
from project import words_for_language_model

pytest.importorskip("fastapi", reason="the service needs the extra `serve`")

from running_service import running
from starlette.routing import Mount

from kgrec.config import load_config
from kgrec.errors import DataError, option
from kgrec.runs.training import train_run
from kgrec.serving.app import make_app
from kgrec.serving.keys import Keys, add_key
from kgrec.serving.loading import load_served
from kgrec.serving.log import open_log
from kgrec.serving.service import Service
from kgrec.serving.settings import ServeConfig


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def run(browser, tmp_path_factory):  # the browser first: without one, nothing is trained
    folder = tmp_path_factory.mktemp("page")
    config = write_hostile_project(folder / "project")
    with words_for_language_model():
        train_run(load_config(config), folder / "run")
        yield load_served(folder / "run")


@pytest.fixture(scope="module")
def served(run, tmp_path_factory):
    """Yield the URL of the service, with a log."""
    log = open_log(str(tmp_path_factory.mktemp("log") / "log.sqlite3"))
    service = Service(run.forked(), ServeConfig(poll=0.02), log=log)
    with running(make_app(service)) as url:
        assert service.updater.ready.wait(20)
        yield url


@pytest.fixture(scope="module")
def visitors(browser, served):
    with ExitStack() as opened:
        made = {}
        for name, how in (("desktop", DESKTOP), ("phone", PHONE)):
            made[name] = Visitor(browser, served, **how)
            opened.callback(made[name].close)
        yield made


@pytest.fixture
def visitor(visitors):
    found = visitors["desktop"]
    yield found
    assert found.mistakes == []


@pytest.fixture
def ask(served):
    """Return a function that asks the service beside the page."""

    def asked(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{served}/v1/{path}", data, {"Content-Type": "application/json"})
        with urlopen(request) as answer:
            return json.load(answer)

    return asked


def titles(answer):
    return [one["title"] or one["item"] for one in answer["items"]]


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("view", VIEWS)
def test_views_are_for_everybody_and_run_no_label(visitors, view, size):
    """axe-core finds nothing serious, nothing is cut off, and labels stay text."""
    visitor = visitors[size]
    page = visitor.see(VIEWS[view])
    assert page.locator("h1").count() == 1
    assert page.locator("[role=alert]").count() == 0
    assert visitor.serious() == []
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    assert page.evaluate("window.owned") is None
    assert page.locator("img[src=x], main script").count() == 0
    assert visitor.mistakes == []


def test_hostile_labels_are_shown_as_they_are(visitor):
    page = visitor.see("#/item/i01")
    assert page.locator("h1").inner_text() == TITLE
    assert page.title() == f"{TITLE} – kgrec"
    assert DIRECTOR in visitor.texts("dd a")
    page = visitor.see("#/user/u04")
    assert JOB in visitor.texts("dd")
    page = visitor.see(f"#/user/{quote(MARK, safe='')}")
    assert page.locator("h1").inner_text() == f"User {MARK}"
    assert "No user has the id" in page.locator("[role=alert]").inner_text()
    assert page.locator("img[src=x]").count() == 0


def test_a_user_sees_the_list_of_the_service_and_what_counts_in_it(visitor, ask):
    page = visitor.see("#/user/u05")
    answer = ask("users/u05/recommendations")
    assert visitor.texts("#recommendations h3") == titles(answer)
    first = answer["items"][0]["item"]
    why = ask(f"users/u05/explanations/{first}?k=3")
    card = page.locator(f"[data-item={first}]")
    assert card.locator(".sentence").inner_text() == why["sentence"]
    card.locator("summary").click()
    most = max(why["contributions"], key=lambda one: abs(one["value"]))
    bar = card.locator(".bars").first.locator("li").first
    assert bar.locator(".bar-label").inner_text() == most["item"]["label"]
    shown = float(bar.locator(".bar-text").inner_text().removesuffix(" %"))
    assert shown == pytest.approx(100 * most["share"], abs=0.51)
    shown = [one.locator(".node").all_inner_texts() for one in card.locator(".path").all()]
    assert shown == [[node["label"] for node in path["nodes"]] for path in why["paths"]]
    history = ask("users/u05")["history"]
    assert f"Liked ({len(history)})" in visitor.texts("h3")


@pytest.mark.parametrize(("button", "place"), [("Not for me", "disliked"), ("Liked", "history")])
def test_what_a_user_says_changes_the_list_at_once(visitor, ask, button, place):
    page = visitor.see("#/user/u15")
    before = ask("users/u15/recommendations")["items"]
    item = before[1]
    name = f"{button}: {item['title'] or item['item']}"
    page.locator("#recommendations").get_by_role("button", name=name, exact=True).focus()
    page.keyboard.press("Enter")
    visitor.complete()
    after = ask("users/u15/recommendations")
    assert item["item"] not in [one["item"] for one in after["items"]]
    assert visitor.texts("#recommendations h3") == titles(after)
    assert item["item"] in [one["item"] for one in ask("users/u15")[place]]
    # Who uses the keyboard stays where they were.
    focused = page.evaluate("document.activeElement.closest('li')?.dataset.item")
    assert focused == after["items"][1]["item"]
    assert "up to date" in page.locator("#said").inner_text()


def test_a_wrong_judgement_can_be_taken_back(visitor, ask):
    page = visitor.see("#/user/u16")
    one = ask("users/u16")["history"][0]
    page.get_by_role("button", name=f"Not for me: {one['title']}", exact=True).first.click()
    visitor.complete()
    assert one in ask("users/u16")["disliked"]
    page.get_by_role("button", name=f"Liked: {one['title']}", exact=True).click()
    visitor.complete()
    assert one in ask("users/u16")["history"]


def test_options_change_the_list(visitor, ask):
    page = visitor.see("#/user/u06")
    page.get_by_text("Options").click()
    page.get_by_label("Filter").fill("price > 4")
    page.wait_for_timeout(350)
    visitor.complete()
    answer = ask("users/u06/recommendations?filter=price%20%3E%204")
    assert 0 < len(answer["items"])
    assert visitor.texts("#recommendations h3") == titles(answer)
    page.get_by_label("Filter").fill("prize > 4")
    page.wait_for_timeout(350)
    visitor.complete()
    assert "price" in page.locator("[role=alert]").inner_text()  # the nearest name


def test_somebody_new_picks_items_and_nothing_is_kept(visitor, ask):
    users, last = ask("users")["total"], ask("model/drift")
    page = visitor.see("#/new")
    page.get_by_label("Find items").fill("Title 9")
    page.wait_for_timeout(350)
    visitor.complete()
    found = ask("search?q=Title%209&k=8")
    assert [one.split("\n")[-1] for one in visitor.texts(".found button")] == titles(found)
    page.locator(".found button").first.click()
    visitor.complete()
    liked = [found["items"][0]["item"]]
    answer = ask("recommendations", {"liked": liked, "k": 10})
    assert visitor.texts("#recommendations h3") == titles(answer)
    assert page.locator(".sentence").count() == len(answer["items"])
    unwanted = answer["items"][0]
    page.locator("#recommendations .dislike").first.click()
    visitor.complete()
    answer = ask("recommendations", {"liked": liked, "k": 10, "exclude": [unwanted["item"]]})
    assert visitor.texts("#recommendations h3") == titles(answer)
    page.locator(".chosen .remove").first.click()
    page.locator(".chosen .remove").first.click()
    page.get_by_label("In your words").fill("cooking")
    page.wait_for_timeout(600)
    visitor.complete()
    answer = ask("recommendations", {"description": "cooking", "k": 10})
    assert visitor.texts("#recommendations h3") == titles(answer)
    assert (ask("users")["total"], ask("model/drift")) == (users, last)


def test_search_and_conversation_find_what_the_service_finds(visitor, ask):
    page = visitor.see("#/search")
    page.get_by_label("What do you look for?").fill("pirates")
    page.get_by_role("button", name="Search", exact=True).click()
    visitor.complete()
    assert page.evaluate("location.hash") == "#/search?q=pirates"
    assert visitor.texts(".items h3") == titles(ask("search?q=pirates&k=20"))
    page.get_by_role("link", name="Go on as a conversation").click()
    visitor.complete()
    first = ask("conversation", {"turns": ["pirates"], "k": 5})
    assert visitor.texts(".items h3") == titles(first)
    assert visitor.texts(".understood") == [first["understood"]["text"]]
    page.locator(".items .like").first.click()
    assert page.locator(".items .like").first.get_attribute("aria-pressed") == "true"
    page.get_by_label("Your words").fill("no cooking")
    page.keyboard.press("Enter")
    visitor.complete()
    shown = [one["item"] for one in first["items"]]
    question = {"turns": ["pirates", "no cooking"], "shown": shown, "liked": shown[:1], "k": 5}
    second = ask("conversation", question)
    assert visitor.texts(".items h3") == [*titles(first), *titles(second)]


def test_an_item_is_shown_with_what_is_similar_and_whom_it_suits(visitor, ask):
    page = visitor.see("#/item/i03")
    assert visitor.texts(".items h3") == titles(ask("items/i03/similar?k=8"))
    audience = ask("items/i03/audience")
    suited = page.get_by_role("region", name="Whom it suits")
    shown = suited.locator(".bars").first.locator(".bar-label").all_inner_texts()
    assert shown == [one["title"] or one["item"] for one in audience["items"]]
    assert f"{audience['users']} users like it." in suited.inner_text()


def nodes(page):
    return page.evaluate(
        "document.getElementById('network')._cyreg.cy.nodes().map(one => one.data('node').id)"
    )


def view_of(page):
    return page.evaluate(
        "(cy => [cy.zoom(), cy.pan().x, cy.pan().y])(document.getElementById('network')._cyreg.cy)"
    )


def test_the_graph_can_be_walked_with_the_keyboard_and_the_pointer(visitor, ask):
    page = visitor.see("#/graph/item/i03")
    around = ask("graph/item/i03?limit=25")
    ids = [one["node"]["id"] for one in around["neighbors"]]
    assert sorted(nodes(page)) == sorted(["i03", *ids])
    before = view_of(page)
    page.get_by_role("button", name="Zoom in").press("Enter")
    page.get_by_role("button", name="Move left").press("Enter")
    after = view_of(page)
    assert after[0] == pytest.approx(1.3 * before[0])
    box = page.locator("#network").bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + 8)  # a corner, where no node is
    page.mouse.down()
    page.mouse.move(box["x"] + 68, box["y"] + 48, steps=4)
    page.mouse.up()
    dragged = view_of(page)
    assert (dragged[1] - after[1], dragged[2] - after[2]) == pytest.approx((60, 40), abs=2)
    director = next(one["node"] for one in around["neighbors"] if "director" in one["node"]["id"])
    page.locator(".panel .chip", has_text="of space").first.press("Enter")
    visitor.complete()
    assert page.evaluate("document.activeElement.textContent") == director["label"]
    page.get_by_role("button", name="Expand").press("Enter")
    visitor.complete()
    more = ask(f"graph/entity/{quote(director['id'], safe='')}?limit=25")
    known = {"i03", *ids, *(one["node"]["id"] for one in more["neighbors"])}
    assert sorted(nodes(page)) == sorted(known)


def test_a_path_of_an_explanation_can_be_followed(visitor, ask):
    page = visitor.see("#/user/u05")
    item = ask("users/u05/recommendations")["items"][0]["item"]
    path = ask(f"users/u05/explanations/{item}?k=3")["paths"][0]
    card = page.locator(f"[data-item={item}]")
    card.locator("summary").click()
    card.get_by_role("link", name="Follow in the graph").first.click()
    visitor.complete()
    assert nodes(page) == [node["id"] for node in path["nodes"]]
    lit = page.evaluate("document.getElementById('network')._cyreg.cy.edges('.path').length")
    assert lit == len(path["relations"])
    page.get_by_role("button", name="Expand").click()
    visitor.complete()
    assert set(nodes(page)) > {node["id"] for node in path["nodes"]}


def test_the_model_shows_its_figures_and_its_curve(visitor, ask):
    page = visitor.see("#/model")
    points = ask("model/curve")["points"]
    drawn = page.locator("polyline").get_attribute("points").split()
    assert len(points) > 1
    assert len(drawn) == len(points)
    figures = ask("model")["metrics"]["valid"]["metrics"]
    row = page.get_by_role("row", name="NDCG")
    assert f"{figures['ndcg@10']:.3f}" in row.inner_text()


def test_operations_show_requests_updates_and_drift(visitor, ask):
    ask("interactions?wait=true", {"user": "u20", "item": "i09", "liked": True})
    drift = ask("model/drift")["figures"]
    page = visitor.see("#/operations")
    page.wait_for_timeout(2500)
    rows = dict(zip(visitor.texts("dt"), visitor.texts("dd"), strict=True))
    assert int(rows["Last place in the log"]) >= 1
    assert rows["Events that answers lack"] == "0"
    assert rows["New interactions"].startswith(f"{drift['interactions']}, of training")
    table = page.get_by_role("region", name="Table: Requests by route")
    assert "/v1/interactions" in table.inner_text()
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_role("button", name="Go on").count() == 1


def test_the_keyboard_reaches_the_content_and_the_menu(visitors):
    visitor = visitors["desktop"]
    page = visitor.see("#/")
    page.locator(".skip").press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.evaluate("location.hash") == "#/"
    phone = visitors["phone"]
    page = phone.see("#/")
    assert not page.get_by_role("link", name="Operations").is_visible()
    page.get_by_role("button", name="Menu").press("Enter")
    page.get_by_role("link", name="Model").press("Enter")
    phone.complete()
    assert page.locator("h1").inner_text() == "The model"
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert not page.get_by_role("link", name="Operations").is_visible()


def test_a_key_is_asked_for_and_kept_in_the_tab_alone(browser, run, tmp_path):
    key = add_key(tmp_path / "keys.json", "page", "read")
    service = Service(run.forked(), ServeConfig(), keys=Keys(tmp_path / "keys.json"))
    with running(make_app(service)) as url:
        visitor = Visitor(browser, url, **DESKTOP)
        page, dialog = visitor.page, visitor.page.locator("#key-dialog")
        page.get_by_label("Key", exact=True).fill("kgrec_wrong")
        assert visitor.serious() == []
        page.keyboard.press("Enter")
        dialog.get_by_text("does not accept").wait_for()
        page.get_by_label("Key", exact=True).fill(key)
        page.keyboard.press("Enter")
        visitor.complete()
        assert not dialog.is_visible()
        assert "31 users" in page.locator(".lead").inner_text()
        kept = page.evaluate(
            "[Object.values(sessionStorage), localStorage.length, document.cookie]"
        )
        assert kept == [[key], 0, ""]
        visitor.see("#/user/u03")
        page.locator("#recommendations .like").first.click()  # a key that only reads
        page.locator("[role=alert]").wait_for()
        assert "scope" in page.locator("[role=alert]").inner_text()
        visitor.close()


class Rated(Service):
    """A service whose model wants ratings."""

    def check_rating(self, rating):
        if rating is None:
            raise DataError(f"The model predicts ratings: give each one a {option('rating')}.")


def test_a_model_of_ratings_gets_one_also_behind_a_proxy(browser, run, tmp_path):
    log = open_log(str(tmp_path / "log.sqlite3"))
    service = Rated(run.forked(), ServeConfig(poll=0.02), log=log)
    with running(Mount("/kgrec", app=make_app(service))) as url:
        service.start()
        assert service.updater.ready.wait(20)
        visitor = Visitor(browser, f"{url}/kgrec/", **DESKTOP)
        page = visitor.see("#/user/u07")
        item = page.locator("#recommendations li").first.get_attribute("data-item")
        page.locator("#recommendations .like").first.click()
        page.get_by_label("Rating, as in the data").fill("4.5")
        assert visitor.serious() == []
        page.keyboard.press("Enter")
        visitor.complete()
        (event,) = log.of_user("u07")
        assert (event.item, event.body["rating"], event.body["liked"]) == (item, 4.5, True)
        page.locator("#recommendations .dislike").first.click()
        page.get_by_role("button", name="Close").last.click()  # then nothing is kept
        visitor.complete()
        assert len(log.of_user("u07")) == 1
        assert visitor.mistakes == []
        visitor.close()
        service.stop()


def test_a_service_that_only_reads_says_so(browser, run):
    with running(make_app(Service(run.forked()))) as url:
        visitor = Visitor(browser, url, **PHONE)
        page = visitor.see("#/user/u07")
        shown = visitor.texts("#recommendations h3")
        page.locator("#recommendations .dislike").first.tap()
        visitor.complete()
        assert "only reads" in page.locator("[role=alert]").inner_text()
        assert visitor.texts("#recommendations h3") == shown
        visitor.close()
