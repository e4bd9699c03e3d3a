"""`tast1 pbx`: the files an office's Asterisk needs, and the check of a running one. Returns text, prints nothing."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path

from config.model import Config, Secrets
from hardware.asterisk.fallback_sounds import Render, tone_render, write_sounds
from hardware.asterisk.local_pbx_config import LocalPbxPorts, local_files, local_parameters
from hardware.asterisk.pbx_check import check
from hardware.asterisk.pbx_config import PbxOffice, PbxParameters, office_files, write_files
from ivr.voice import Voice, VoiceUnavailable


def parameters(config: Config, secrets: Secrets, sounds_dir: str) -> PbxParameters:
    """What the files are made of. Raises PbxConfigError for a value that cannot stand in them."""
    asterisk, oncall = config.settings.asterisk, config.settings.oncall
    common = (oncall.number, oncall.fallback_number) if oncall.number and oncall.fallback_number else None
    address = asterisk.service_address
    return PbxParameters(
        offices=tuple(
            PbxOffice(
                office.office_no,
                office.public_number,
                tuple(line.number for line in config.lines_of(office.office_no) if line.number),
                office.fallback_number,
                tuple(p.extension for p in config.caseworkers(office.office_no) if p.extension),
            )
            for office in config.offices
        ),
        fastagi_host=f"[{address}]" if ":" in address else address,
        fastagi_port=asterisk.fastagi_port,
        fastagi_token=secrets.fastagi_token or "",
        ami_host=asterisk.ami_host,
        ami_port=asterisk.ami_port,
        ami_user=asterisk.ami_user,
        ami_secret=secrets.ami_secret or "",
        trunk_endpoint=asterisk.trunk,
        sounds_dir=sounds_dir,
        allowed_ami_address=address,
        common=common,
    )


def config_command(
    config: Config, secrets: Secrets, sounds_dir: str, write: Path | None, *, local: bool
) -> str:
    """The files one after another under their names, or what was written where."""
    if local:
        given = {
            "TAST1_AMI_SECRET": secrets.ami_secret or "",
            "TAST1_FASTAGI_TOKEN": secrets.fastagi_token or "",
        }
        ports = LocalPbxPorts()
        files = local_files(local_parameters(ports, sounds_dir, given), ports.sip, "/srv/pbx")
    else:
        files = office_files(parameters(config, secrets, sounds_dir))
    if write is None:
        return "\n".join(f";;;; {name}\n{text}" for name, text in files.items())
    write_files(write, files)
    render: Render = tone_render
    with contextlib.suppress(VoiceUnavailable):
        render = Voice().render
    sounds = write_sounds(write / "sounds", render)
    return "\n".join(f"wrote {path}" for path in [*(write / name for name in files), *sounds])


async def check_command(
    config: Config, secrets: Secrets, prompt_url: str, patience: timedelta
) -> tuple[int, str]:
    """1 when anything must be fixed; a line for each thing looked at."""
    results = await check(config.settings.asterisk, secrets, prompt_url)
    lines = [f"{'ok  ' if result.ok else 'FIX '} {result.name}: {result.detail}" for result in results]
    return int(not all(result.ok for result in results)), "\n".join(lines)
