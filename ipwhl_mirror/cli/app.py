"""The command line: global options, and the commands, each loaded when it is called."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ipwhl_mirror import __version__
from ipwhl_mirror.cli.options import FILE
from ipwhl_mirror.cli.terminal import missing_for_ui

if TYPE_CHECKING:
    from ipwhl_mirror.cli.run import Run
    from ipwhl_mirror.services.settings import Settings

_COMMANDS = {
    "demo": ("demo", "A self-contained tour on real wheels."),
    "doctor": ("looking", "What is wrong on this machine, and what to do."),
    "source": ("following", "Where releases are announced: add, list, remove."),
    "update": ("following", "Ask the sources for new releases; fetch their indexes."),
    "sync": ("mirroring", "Bring mirrors to the newest signed release; retire the old."),
    "track": ("tracking", "Add a release by hand, fetching its index only."),
    "untrack": ("tracking", "Forget a release; its pins must be gone."),
    "status": ("looking", "Releases, mirrors, pins, bytes per platform, node."),
    "show": ("looking", "Bytes and pin state of a release per platform."),
    "plan": ("pinning", "What pinning would fetch, what is shared, what is free after."),
    "pin": ("pinning", "Fetch, pin and verify: one pin for each part."),
    "unpin": ("pinning", "Remove exactly these parts, or every pin of a release."),
    "diff": ("looking", "Projects added, removed, changed between two releases."),
    "verify": ("looking_after", "Hash every block offline; name what is broken."),
    "prune": ("looking_after", "Unpin all but the newest releases."),
    "gc": ("looking_after", "Remove what is under no pin, bytes first."),
    "serve": ("serving", "The gateway for pip and for other mirrors."),
    "check": ("checking", "Names, metadata, versions and dependencies of a repository."),
    "publish": ("publishing", "Make a release of wheels, locks and releases; prints its CID."),
    "export": ("carrying", "Write a release or a part of it to one CAR."),
    "import": ("carrying", "Read one, verified block by block."),
    "pip-config": ("serving", "The index-url lines for pip and uv."),
}


class _LazyGroup(click.Group):
    """Lists its commands without importing them, so that --help is quick."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._global_first(args))

    def _global_first(self, args: list[str]) -> list[str]:
        """Let global options stand behind the command too, as in `show REL --json`."""
        takes_value = {
            name: not (param.is_flag or param.is_eager)
            for param in self.params
            if isinstance(param, click.Option)
            for name in param.opts
            if name not in ("--version", "-h", "--help")
        }
        front: list[str] = []
        rest: list[str] = []
        pending = iter(args)
        for arg in pending:
            if arg == "--":
                rest += [arg, *pending]
            elif arg in takes_value:
                front += [arg, *([next(pending, "")] if takes_value[arg] else [])]
            elif arg.partition("=")[0] in takes_value and "=" in arg:
                front.append(arg)
            else:
                rest.append(arg)
        return [*front, *rest]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"ipwhl_mirror.cli.commands.{_COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name.replace("-", "_").replace("import", "import_"))
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


# fmt: off
@click.group(
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": None,
        "max_content_width": 100,
    },
)
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), envvar="IPWHL_MIRROR_DATA_DIR",
              metavar="DIR", help="Where releases, pins and the embedded node are kept.")
@click.option("--config", type=FILE, envvar="IPWHL_MIRROR_CONFIG", metavar="FILE", help="The configuration.")
@click.option("--node", envvar="IPWHL_MIRROR_NODE", metavar="SPEC", help="auto, embedded, or a Kubo RPC.")
@click.option("--gateway", "gateways", multiple=True, envvar="IPWHL_MIRROR_GATEWAY", metavar="URL",
              help="A trustless gateway to fetch from; may be given several times.")
@click.option("--json", is_flag=True, envvar="IPWHL_MIRROR_JSON", help="One JSON document on stdout.")
@click.option("--progress", is_flag=True, envvar="IPWHL_MIRROR_PROGRESS",
              help="Progress without a terminal too; with --json as events, one a line, on stderr.")
@click.option("--quiet", is_flag=True, envvar="IPWHL_MIRROR_QUIET", help="Only data and errors.")
@click.option("--yes", is_flag=True, envvar="IPWHL_MIRROR_YES", help="Confirm what removes something.")
@click.option("--no-color", is_flag=True, envvar="IPWHL_MIRROR_NO_COLOR", help="No colour.")
@click.option("--timeout", type=click.FloatRange(min=0), envvar="IPWHL_MIRROR_TIMEOUT", metavar="S",
              help="Seconds for another run's lock, and for the command; 0: do not wait for a lock.")
@click.option("--read-only", is_flag=True, envvar="IPWHL_MIRROR_READ_ONLY", help="Refuse every change.")
@click.version_option(__version__, prog_name="ipwhl-mirror")
@click.pass_context
def cli(
    ctx: click.Context,
    /,
    data_dir: Path | None,
    config: Path | None,
    node: str | None,
    gateways: tuple[str, ...],
    timeout: float | None,
    read_only: bool,
    **flags: Any,
) -> None:
    """Mirror IPWHL releases on your own IPFS node: see, choose, pin, verify.

    Without a command: the terminal UI.
    """
    from ipwhl_mirror.cli.run import Run, known_errors

    with known_errors():
        settings = replace(
            _settings(data_dir, config, node, gateways, timeout, read_only), no_color=flags["no_color"]
        )
    # the UI is given by `__main__` where there is a terminal
    ctx.obj = Run(settings=settings, timeout_s=timeout, ui=ctx.obj, **flags)
    if ctx.invoked_subcommand is None:
        _no_command(ctx, ctx.obj)


# fmt: on


def _settings(
    data_dir: Path | None,
    config: Path | None,
    node: str | None,
    gateways: tuple[str, ...],
    timeout: float | None,
    read_only: bool,
) -> Settings:
    import msgspec

    from ipwhl_mirror.config import ConfigError, default_config_path, default_data_dir, load_config
    from ipwhl_mirror.services.settings import DEFAULT_LOCK_WAIT_S, Settings

    loaded = load_config(config)
    if node is not None:
        try:
            chosen = msgspec.structs.replace(loaded.node, spec=node)
        except ValueError as error:
            raise ConfigError(f"--node: {error}") from None
        loaded = msgspec.structs.replace(loaded, node=chosen)
    if gateways:
        loaded = msgspec.structs.replace(loaded, node=msgspec.structs.replace(loaded.node, gateways=gateways))
    return Settings(
        data_dir=data_dir or default_data_dir(),
        config=loaded,
        read_only=read_only,
        lock_wait_s=DEFAULT_LOCK_WAIT_S if timeout is None else timeout,
        config_file=config or default_config_path(),
    )


def _no_command(ctx: click.Context, run: Run) -> None:
    if run.ui is None:
        click.echo(ctx.get_help())
        if missing := missing_for_ui():
            click.echo(f"\nerror: {missing}", err=True)
            click.echo("hint: every command works without: try `ipwhl-mirror status`", err=True)
        ctx.exit(2)
    ctx.exit(run.ui.start(run.settings))
