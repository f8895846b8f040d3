"""Print the completion script of a shell, made from the options of this version.

bash: dlf completion bash > ~/.local/share/bash-completion/completions/dlf
zsh:  dlf completion zsh > a file named _dlf in a folder of $fpath
fish: dlf completion fish > ~/.config/fish/completions/dlf.fish
"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from importlib import import_module

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "print the completion script for bash, zsh or fish"

# Where the parsers of commands are that are read elsewhere.
_PARSERS = {"eval": "dlf_models.evaluation.cli"}


@dataclass(frozen=True)
class Option:
    """names: with dashes; text: the first sentence of the help; choices: of the value;
    takes_value: whether a word follows."""

    names: tuple[str, ...]
    text: str
    choices: tuple[str, ...]
    takes_value: bool


@dataclass(frozen=True)
class Command:
    """One command; choices: of its positional argument, else it takes files."""

    name: str
    summary: str
    options: tuple[Option, ...]
    choices: tuple[str, ...]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=sorted(_SCRIPTS), help="for which shell")


def run(arguments: argparse.Namespace) -> int:
    """Print one script."""
    print(_SCRIPTS[arguments.shell](_commands()))
    return 0


def _commands() -> list[Command]:
    from dlf.cli.main import build_parser

    parser = build_parser()
    action = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
    found = []
    for name, command in action.choices.items():
        if name in _PARSERS:
            command = import_module(_PARSERS[name]).build_parser()
        options = tuple(_option(a) for a in command._actions if a.option_strings)
        positional = (a for a in command._actions if not a.option_strings and a.choices)
        choices = tuple(str(c) for a in positional for c in a.choices or ())
        found.append(Command(name, summaries[name], options, choices))
    return found


def _option(action: argparse.Action) -> Option:
    text = (action.help or "").partition(";")[0].partition(" (default")[0]
    choices = tuple(str(choice) for choice in action.choices or ())
    return Option(tuple(action.option_strings), text, choices, action.nargs != 0)


def _bash(commands: list[Command]) -> str:
    cases = []
    for command in commands:
        words = [name for option in command.options for name in option.names]
        values = "".join(
            f"\n        {'|'.join(option.names)}) "
            f'COMPREPLY=($(compgen -W {shlex.quote(" ".join(option.choices))} -- "$word")); '
            "return ;;"
            for option in command.options
            if option.choices
        )
        if values:
            values = f'\n      case "$before" in{values}\n      esac'
        words += command.choices
        files = "" if command.choices else ' $(compgen -f -- "$word")'
        cases.append(
            f"    {command.name}){values}\n"
            f'      COMPREPLY=($(compgen -W {shlex.quote(" ".join(words))} -- "$word"){files}) ;;'
        )
    names = " ".join(command.name for command in commands)
    return "\n".join(
        [
            "_dlf() {",
            '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
            "  COMPREPLY=()",
            '  if [ "$COMP_CWORD" -eq 1 ]; then',
            f'    COMPREPLY=($(compgen -W {shlex.quote(names + " --help --version")} -- "$word"))',
            "    return",
            "  fi",
            '  case "${COMP_WORDS[1]}" in',
            *cases,
            "  esac",
            "}",
            "complete -o filenames -F _dlf dlf",
        ]
    )


def _zsh(commands: list[Command]) -> str:
    def quoted(text: str) -> str:
        escaped = text.replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]")
        return escaped.replace(":", "\\:")

    listing = "\n".join(f"    '{c.name}:{quoted(c.summary)}'" for c in commands)
    cases = []
    for command in commands:
        specs = []
        for option in command.options:
            value = ""
            if option.choices:
                value = f":value:({' '.join(option.choices)})"
            elif option.takes_value:
                value = ":value:_files"
            specs += [f"'{name}[{quoted(option.text)}]{value}'" for name in option.names]
        rest = f"({' '.join(command.choices)})" if command.choices else "_files"
        specs.append(f"'*:argument:{rest}'")
        joined = " \\\n        ".join(specs)
        cases.append(f"    {command.name})\n      _arguments -s \\\n        {joined} ;;")
    return "\n".join(
        [
            "#compdef dlf",
            "_dlf() {",
            "  local -a commands",
            f"  commands=(\n{listing}\n  )",
            "  if (( CURRENT == 2 )); then",
            "    _describe command commands",
            "    return",
            "  fi",
            "  shift words; (( CURRENT-- ))",
            '  case "$words[1]" in',
            *cases,
            "  esac",
            "}",
            'if [ "$funcstack[1]" = "_dlf" ]; then _dlf "$@"; else compdef _dlf dlf; fi',
        ]
    )


def _fish(commands: list[Command]) -> str:
    lines = ["complete -c dlf -n __fish_use_subcommand -f"]
    for command in commands:
        summary = shlex.quote(command.summary)
        lines.append(f"complete -c dlf -n __fish_use_subcommand -a {command.name} -d {summary}")
        seen = f"complete -c dlf -n '__fish_seen_subcommand_from {command.name}'"
        if command.choices:
            lines.append(f"{seen} -f -a {shlex.quote(' '.join(command.choices))}")
        for option in command.options:
            names = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in option.names
            )
            value = ""
            if option.choices:
                value = f" -x -a {shlex.quote(' '.join(option.choices))}"
            elif option.takes_value:
                value = " -r"
            lines.append(f"{seen} {names}{value} -d {shlex.quote(option.text)}")
    return "\n".join(lines)


_SCRIPTS = {"bash": _bash, "fish": _fish, "zsh": _zsh}
