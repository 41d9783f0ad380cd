"""``haar align``: checkpoints moved within the symmetry of their parameters, compared and averaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haar.cli.options import check_output, count_option, folder_option, named_on_the_command_line, seed_option
from haar.errors import ArgumentError

if TYPE_CHECKING:
    from haar.align.checkpoints import Architecture
    from haar.weights import Checkpoint

app = typer.Typer(
    help="Align checkpoints of one architecture, compare them and average them: haar align match A B -o C",
    no_args_is_help=True,
)

_FILE = "A .safetensors file, a .pt file of tensors alone, or a folder that holds model.safetensors."
A = Annotated[Path, typer.Argument(help=_FILE)]
B = Annotated[Path, typer.Argument(help="Another of the same architecture; it is the one that is moved.")]
Symmetry = Annotated[str, typer.Option(help="auto, orthogonal, signed or permutation.")]
Adapter = Annotated[
    str | None, typer.Option(help="gpt2, llama, mistral, qwen2, qwen3, mixtral, qwen2_moe, qwen3_moe or vit.")
]
Config = Annotated[Path | None, typer.Option(help="A config.json; by default the one beside A.")]
Model = Annotated[str | None, typer.Option(help="For models of your own: module:factory, which is traced.")]
Example = Annotated[str | None, typer.Option(help="module:function that returns inputs of --model.")]
Out = Annotated[Path | None, folder_option("Folder for report.html and align.json.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="The .safetensors file to write.")]


@app.command("verify")
def verify(
    a: A,
    *,
    symmetry: Symmetry = "auto",
    adapter: Adapter = None,
    config: Config = None,
    model: Model = None,
    example: Example = None,
    seed: Annotated[int, seed_option("Of the elements that move the parameters.")] = 0,
    by_layer: Annotated[
        bool, typer.Option("--by-layer", help="One layer in memory at a time, of a known architecture.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Do the outputs of A stay when its parameters are moved within its symmetry? Exit code 1 if they do not."""
    from dataclasses import asdict

    from haar.align.by_layer import verified_by_layer
    from haar.align.checkpoints import verified
    from haar.cli.screen import console
    from haar.report.json_file import dumps

    checkpoint = _checkpoint(a)
    with named_on_the_command_line(model="--model", adapter="--adapter", example="--example", symmetry="--symmetry"):
        of = _architecture(checkpoint, config, adapter, model, example)
        found = (verified_by_layer if by_layer else verified)(checkpoint, of, symmetry=symmetry, seed=seed)
    if as_json:
        typer.echo(dumps({"kind": "verification", "preserved": found.preserved, **asdict(found)}), nl=False)
    else:
        console().print(f"{a}: {found}", style="bold")
    if not found.preserved:
        raise typer.Exit(1)


@app.command("match")
def match(
    a: A,
    b: B,
    *,
    output: Output,
    reference: Annotated[Path | None, typer.Option(help="Where to write A in canonical form.")] = None,
    symmetry: Symmetry = "auto",
    adapter: Adapter = None,
    config: Config = None,
    model: Model = None,
    example: Example = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Move B within its symmetry until it is nearest to A, and write it: the same function, an ordinary checkpoint.

    Average it with A in canonical form (--reference), not with A as it was: haar align merge does both.
    """
    from haar.align.align import align
    from haar.cli.delivery import deliver
    from haar.cli.screen import ProgressBars
    from haar.weights import write_weights

    for path in (output, *([] if reference is None else [reference])):
        check_output("--output", path, ".safetensors")
    first, second = _checkpoint(a), _checkpoint(b)
    with _named(), ProgressBars(quiet=as_json) as bars:
        of = _architecture(first, config, adapter, model, example)
        found = align(first, second, symmetry=of.action(_untied(first), symmetry), watch=bars)
    write_weights(output, found.b)
    if reference is not None:
        write_weights(reference, found.a)
    deliver(found, out, "align.json", f"{_plain(found.summary)} {output}", as_json=as_json)


@app.command("barrier")
def barrier(
    a: A,
    b: B,
    *,
    task: Annotated[str, typer.Option(help="module:function that returns (loss, batches); loss(model, batch).")],
    adapter: Adapter = None,
    config: Config = None,
    model: Model = None,
    example: Example = None,
    points: Annotated[int, count_option("Points on each line, an odd number.", least=3, most=1001)] = 21,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """How much the loss rises on the straight line from A to B, before and after each kind of symmetry."""
    from haar.align.align import align
    from haar.align.checkpoints import AlignedPair, lines
    from haar.cli.delivery import deliver
    from haar.cli.screen import ProgressBars

    first, second = _checkpoint(a), _checkpoint(b)
    loss, data = _task(task)
    with _named(), ProgressBars(quiet=as_json) as bars:
        of = _architecture(first, config, adapter, model, example).running()
        raw = _untied(first), _untied(second)
        kinds = ("permutation", "orthogonal") if of.config.get("model_type") else ("permutation",)
        found = {kind: align(*raw, symmetry=of.action(raw[0], kind), watch=bars) for kind in kinds}
        measured = lines(found, raw, of.model, (loss, data), points=points, watch=bars)  # type: ignore[arg-type]
    report = AlignedPair(found[kinds[-1]], measured)
    deliver(report, out, "align.json", _plain(measured.summary), as_json=as_json)


@app.command("merge")
def merge(
    files: Annotated[list[Path], typer.Argument(help="Two or more checkpoints of one architecture.")],
    *,
    output: Output,
    shares: Annotated[str | None, typer.Option(help="How much of each, such as 1,1,2; equal by default.")] = None,
    heads: Annotated[str, typer.Option(help="Of attention heads: factors or circuits.")] = "factors",
    symmetry: Symmetry = "auto",
    adapter: Adapter = None,
    config: Config = None,
    model: Model = None,
    example: Example = None,
) -> None:
    """Average checkpoints after alignment: one ordinary checkpoint of the same shapes."""
    from haar.align.merge import merging
    from haar.cli.screen import ProgressBars, console
    from haar.weights import write_weights

    check_output("--output", output, ".safetensors")
    if len(files) < 2:
        raise ArgumentError("FILES", expected="at least two checkpoints", got=len(files))
    found = [_checkpoint(file) for file in files]
    parts = None if shares is None else _numbers(shares)
    with _named(shares="--shares", heads="--heads"), ProgressBars() as bars:
        of = _architecture(found[0], config, adapter, model, example)
        action = of.action(_untied(found[0]), symmetry)
        merged = merging(found, shares=parts, symmetry=action, heads=heads, watch=bars)
    write_weights(output, merged.state)
    console().print(f"{output}: {merged.summary}", style="bold")


def _named(**more: str) -> Any:
    return named_on_the_command_line(
        a="A", b="B", model="--model", adapter="--adapter", example="--example", symmetry="--symmetry", **more
    )


def _plain(text: str) -> str:
    return text.replace("**", "")


def _checkpoint(path: Path) -> Checkpoint:
    from haar.errors import DataError
    from haar.weights import Checkpoint

    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    return Checkpoint(path)


def _untied(checkpoint: Checkpoint) -> Any:
    from haar.weights import untied

    return untied(checkpoint)


def _architecture(
    checkpoint: Checkpoint, config: Path | None, adapter: str | None, model: str | None, example: str | None
) -> Architecture:
    from haar.align.checkpoints import architecture
    from haar.cli.model_file import build
    from haar.entry import called
    from haar.weights.checkpoint import read_config

    if (model is None) != (example is None):
        raise ArgumentError("--model, --example", expected="both or neither", got="one of them")
    return architecture(
        checkpoint,
        config=None if config is None else read_config(config),
        adapter=adapter,
        model=None if model is None else build(model).eval(),
        example=None if example is None else called(example, {}, "--example"),
    )


def _task(task: str) -> tuple[Any, Any]:
    from haar.entry import called

    found = called(task, {}, "--task")
    if not isinstance(found, tuple) or len(found) != 2 or not callable(found[0]):
        raise ArgumentError("--task", expected="a function that returns (loss, batches)", got=type(found).__name__)
    return found[0], found[1]


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ArgumentError("--shares", expected="numbers such as 1,1,2", got=repr(text)) from error
