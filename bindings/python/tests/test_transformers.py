# SPDX-License-Identifier: BSD-3-Clause
"""Networks of the transformers package, small and with random weights: modules, and the files of them."""

from __future__ import annotations

import pytest

import kldsel

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}


def make(name):
    torch.manual_seed(1)
    if name == "bert":
        return transformers.BertForSequenceClassification(transformers.BertConfig(vocab_size=40, **SMALL))
    if name == "gpt2":
        return transformers.GPT2LMHeadModel(
            transformers.GPT2Config(n_embd=32, n_layer=3, n_head=4, vocab_size=40)
        )
    if name == "llama":
        config = transformers.LlamaConfig(vocab_size=40, num_key_value_heads=2, **SMALL)
        return transformers.LlamaForCausalLM(config)
    if name == "vit":
        config = transformers.ViTConfig(image_size=16, patch_size=4, **SMALL)
        return transformers.ViTForImageClassification(config)
    if name == "resnet":
        return transformers.ResNetForImageClassification(transformers.ResNetConfig())
    raise ValueError(name)


@pytest.mark.parametrize(
    ("name", "layers"),
    [("bert", 3 * 6 + 2), ("gpt2", 3 * 4), ("llama", 3 * 7 + 1), ("vit", 3 * 6 + 2), ("resnet", 53)],
)
def test_module_and_file_rank_the_same(name, layers, tmp_path):
    model = make(name)
    ranking = kldsel.rank(model)
    assert len(ranking) == layers
    assert not any(
        one.endswith(("embeddings.weight", "wte.weight", "tokens.weight")) for one in ranking.scores
    )
    model.save_pretrained(tmp_path, max_shard_size="40KB" if name == "llama" else "1GB")
    saved = kldsel.rank(tmp_path)
    # Files may have other names than the module.
    assert sorted(saved.scores.values()) == sorted(ranking.scores.values())
    if name in ("bert", "llama"):
        assert dict(saved.scores) == dict(ranking.scores)
    if name == "llama":
        assert len(list(tmp_path.glob("*.safetensors"))) > 1


def test_roles_are_compared_with_their_own_kind():
    model = make("llama")
    ranking = kldsel.rank(model, k=1, group_by="role", exclude="lm_head*")
    assert {one.group for one in ranking} == {
        f"model.layers.{part}"
        for part in (
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.o_proj",
            "mlp.gate_proj",
            "mlp.up_proj",
            "mlp.down_proj",
        )
    }
    assert len(ranking.selected) == 7
    frozen = ranking.apply(model)
    assert {one for one in frozen.trainable if one != "lm_head.weight"} == set(ranking.selected)


def test_peft_of_a_transformer():
    peft = pytest.importorskip("peft")
    model = make("llama")
    ranking = kldsel.rank(model, share=0.2, exclude="lm_head*")
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, **ranking.export("peft")))
    found = {
        name.replace("base_model.model.", "") + ".weight"
        for name, one in adapted.named_modules()
        if isinstance(one, peft.tuners.lora.LoraLayer)
    }
    assert found == set(ranking.selected)
