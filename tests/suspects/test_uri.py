"""Addresses of suspects."""

import pytest

from sif.errors import ModelError, UsageError
from sif.suspects.connect import connect
from sif.suspects.uri import (
    EXAMPLES,
    OpenAIOptions,
    SuspectAddress,
    TransformersOptions,
    VllmOptions,
)
from sif.types import GenerationSettings


@pytest.mark.parametrize("example", EXAMPLES.values())
def test_the_examples_of_the_error_messages_are_addresses(example: str) -> None:
    assert SuspectAddress.parse(example).name()


def test_options_of_an_engine_and_of_sampling_are_told_apart() -> None:
    address = SuspectAddress.parse("hf:models/a?quantize=nf4&device=cuda:1&temperature=0.7&seed=3")
    assert address.options == TransformersOptions(quantize="nf4", device="cuda:1")
    assert address.sampling == {"temperature": 0.7, "seed": 3}


def test_a_hub_id_is_kept_as_it_is() -> None:
    address = SuspectAddress.parse("vllm:llava-hf/llava-1.5-7b-hf?max_model_len=512")
    assert address.target == "llava-hf/llava-1.5-7b-hf"
    assert address.options == VllmOptions(max_model_len=512)


def test_options_of_vllm_have_its_own_names_and_the_old_one_goes_on_working() -> None:
    address = SuspectAddress.parse(
        "vllm:a?tensor_parallel_size=2&pipeline_parallel_size=3&quantization=fp8&enforce_eager=true"
        "&gpu_memory_utilization=0.5&max_model_len=512&lora=adapters/b"
    )
    assert address.options == VllmOptions(
        tensor_parallel_size=2,
        pipeline_parallel_size=3,
        quantization="fp8",
        enforce_eager=True,
        gpu_memory_utilization=0.5,
        max_model_len=512,
        lora="adapters/b",
    )
    old = SuspectAddress.parse("vllm:a?tensor_parallel=4")
    assert old.options == VllmOptions(tensor_parallel_size=4)
    assert address.name("ab12") == "vllm:a@ab12?lora=adapters/b&quantization=fp8"
    assert old.name() == "vllm:a"


def test_an_endpoint_has_a_url_and_a_model_with_any_marks() -> None:
    address = SuspectAddress.parse("openai:https://host:8443/v1/#org/model:tag@2?key_env=MY_KEY")
    assert (address.target, address.model) == ("https://host:8443/v1", "org/model:tag@2")
    assert address.options == OpenAIOptions(key_env="MY_KEY")


def test_the_name_holds_what_changes_answers_and_nothing_else() -> None:
    address = SuspectAddress.parse(
        "hf:models/a?batch=2&device=cpu&dtype=float32&temperature=0.7&quantize=int8"
    )
    assert address.name() == "hf:models/a?dtype=float32&quantize=int8&temperature=0.7"
    assert address.name("ab12") == "hf:models/a@ab12?dtype=float32&quantize=int8&temperature=0.7"


def test_the_name_of_an_endpoint_does_not_hold_the_variable_of_its_key() -> None:
    address = SuspectAddress.parse("openai:http://h/v1#m?key_env=MY_KEY&concurrency=2")
    assert address.name() == "openai:http://h/v1#m"


def test_sampling_of_the_address_replaces_that_of_the_query() -> None:
    address = SuspectAddress.parse("hf:a?temperature=0.5&max_new_tokens=9")
    asked = GenerationSettings(top_p=0.9, max_new_tokens=100)
    assert address.settings(asked) == GenerationSettings(
        temperature=0.5, max_new_tokens=9, top_p=0.9
    )


def test_the_shortest_answer_has_a_short_name_and_shows_in_the_suspects() -> None:
    address = SuspectAddress.parse("hf:a?min_tokens=60&max_new_tokens=90")
    assert address.settings(GenerationSettings()) == GenerationSettings(
        min_new_tokens=60, max_new_tokens=90
    )
    assert address.name() == "hf:a?max_new_tokens=90&min_tokens=60"
    none = SuspectAddress.parse("hf:a?min_tokens=0")
    assert none.settings(GenerationSettings(min_new_tokens=5)).min_new_tokens == 0


def test_a_shortest_answer_above_the_questions_longest_is_a_usage_error() -> None:
    address = SuspectAddress.parse("openai:http://h/v1#m?min_tokens=60")
    with pytest.raises(UsageError, match=r"option min_tokens: .* 40 here, got 60; name both"):
        address.settings(GenerationSettings(max_new_tokens=40))


def test_repeats_of_a_seeded_question_take_following_seeds() -> None:
    address = SuspectAddress.parse("hf:a")
    asked = GenerationSettings(temperature=1.0, seed=10)
    assert [address.settings(asked, repeat).seed for repeat in (0, 1, 2)] == [10, 11, 12]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("models/llava", "starts with hf:, vllm:, openai:"),
        ("http://host/v1#m", "starts with hf:, vllm:, openai:"),
        ("", "starts with hf:"),
        ("hf:", "expected a folder or a hub id after hf:"),
        ("hf:a?concurrency=3", "hf: has no option 'concurrency'; it takes dtype, quantize"),
        ("vllm:a?quantize=nf4", "vllm: has no option 'quantize'"),
        ("vllm:a?tensor_parallel_size=0", "option tensor_parallel_size: input should be greater"),
        ("vllm:a?tensor_parallel=two", "option tensor_parallel_size: input should be a valid int"),
        ("vllm:a?tensor_parallel_size=1000000", "option tensor_parallel_size: input should be le"),
        ("vllm:a?pipeline_parallel_size=-1", "option pipeline_parallel_size: input should be"),
        ("vllm:a?max_model_len=10000000000", "option max_model_len: input should be less than"),
        ("vllm:a?gpu_memory_utilization=1.5", "option gpu_memory_utilization: input should be le"),
        ("vllm:a?gpu_memory_utilization=nan", "option gpu_memory_utilization: input should be"),
        ("vllm:a?quantization=a;b", "option quantization: string should match"),
        ("vllm:a?enforce_eager=perhaps", "option enforce_eager: input should be a valid boolean"),
        ("vllm:a?lora=", "option lora: string should have at least 1 character"),
        ("vllm:a?data_parallel_size=2", "sif serve MODEL -- --data-parallel-size 2"),
        ("hf:a?lora=b", "hf: has no option 'lora'"),
        ("hf:a?tensor_parallel=2", "hf: has no option 'tensor_parallel'"),
        ("hf:a?dtype=int4", "option dtype: input should be 'auto', 'bfloat16'"),
        ("hf:a?temperature=-1", "option temperature: input should be greater than or equal to 0"),
        ("hf:a?temperature=warm", "option temperature: input should be a valid number"),
        ("hf:a?min_tokens=200", "option min_tokens: should be at most max_new_tokens, 160 here"),
        ("vllm:a?min_tokens=-1", "option min_tokens: input should be greater than or equal to 0"),
        ("hf:a?min_new_tokens=9", "hf: has no option 'min_new_tokens'; it takes dtype"),
        ("hf:a?device=gpu", "option device"),
        ("hf:a?dtype", "name=value"),
        ("openai:http://h/v1", "expected the model's name"),
        ("openai:h/v1#m", "expected an http or https URL"),
        ("openai:ftp://h/v1#m", "expected an http or https URL"),
        ("openai:http://h/v1?seed=1#m", "expected options behind the model's name"),
        ("openai:http://[h/v1#m", "expected a URL"),
        ("openai:http://h/v1#m?key_env=lower-case", "option key_env"),
    ],
)
def test_a_wrong_address_gives_one_line_with_an_example(uri: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        SuspectAddress.parse(uri)
    message = str(caught.value)
    assert expected in message
    assert "for example " in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "uri",
    [
        "openai:https://user:hunter2@h/v1#m",
        "openai:https://h/v1#m?key_env=hunter2",
        "openai:https://h/v1#m?api_key=hunter2",
        "hf:a?token=hunter2",
    ],
)
def test_messages_do_not_repeat_what_may_be_a_secret(uri: str) -> None:
    with pytest.raises(UsageError) as caught:
        SuspectAddress.parse(uri)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["hf", "vllm"])
def test_a_missing_model_is_named(scheme: str) -> None:
    pytest.importorskip("vllm" if scheme == "vllm" else "transformers")
    with pytest.raises(ModelError, match="/nowhere/at-all"):
        connect(f"{scheme}:/nowhere/at-all")


def test_an_option_under_both_of_its_names_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="tensor_parallel_size once"):
        SuspectAddress.parse("vllm:a?tensor_parallel=2&tensor_parallel_size=2")


def test_a_key_that_was_announced_and_is_not_set_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AUDIT_KEY", raising=False)
    with pytest.raises(UsageError, match="AUDIT_KEY"):
        connect("openai:http://127.0.0.1:1/v1#m?key_env=AUDIT_KEY")
