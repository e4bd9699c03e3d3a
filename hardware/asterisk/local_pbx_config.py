"""Every file of the local PBX: a private Asterisk on loopback, for `make pbx`, demonstrations and tests.

Pure. The addresses, ports, numbers and extensions here are a contract that tests and demonstrations rely on. The
secrets here are public and only good on loopback: no file made here may listen on any other address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hardware.asterisk.pbx_config import (
    EXTENSIONS_CONTEXT,
    INBOUND_CONTEXT,
    PbxOffice,
    PbxParameters,
    extensions_conf,
    manager_conf,
)

LOCAL_PBX_ADDRESS: Final = "127.0.0.1"
LOCAL_PBX_SECRET: Final = "local-pbx"  # noqa: S105 - no secret
"""Well known on purpose: it opens nothing but a PBX on loopback."""
LOCAL_AMI_USER: Final = "tast1"
LOCAL_SIP_PORT: Final = 5060
LOCAL_AMI_PORT: Final = 5038
LOCAL_FASTAGI_PORT: Final = 4573

PUBLIC_NETWORK_ADDRESS: Final = "127.0.0.2"
OFFICE_PHONES_ADDRESS: Final = "127.0.0.3"
CONTACT_CENTRE_ADDRESS: Final = "127.0.0.4"
LINE_ELSEWHERE_ADDRESS: Final = "127.0.0.5"
PEER_SIP_PORT: Final = 5060
TRUNK_ENDPOINT: Final = "trunk"
EXTENSIONS: Final = tuple(str(number) for number in range(201, 210))

DEMO_OFFICES: Final = (
    PbxOffice("9001", "+4773000010", ("+4773000011",), "+4740000001", ("201", "202", "203")),
    PbxOffice("9002", "+4773000020", ("+4773000021",), "+4740000002", ("204", "205")),
)


@dataclass(frozen=True, slots=True)
class LocalPbxPorts:
    """Where the local PBX listens, always on 127.0.0.1, and where it finds the service."""

    sip: int = LOCAL_SIP_PORT
    ami: int = LOCAL_AMI_PORT
    fastagi: int = LOCAL_FASTAGI_PORT

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> LocalPbxPorts:
        """PBX_SIP_PORT, PBX_AMI_PORT and TAST1_FASTAGI_PORT, or the contract's ports."""
        return LocalPbxPorts(
            sip=int(environment.get("PBX_SIP_PORT", LOCAL_SIP_PORT)),
            ami=int(environment.get("PBX_AMI_PORT", LOCAL_AMI_PORT)),
            fastagi=int(environment.get("TAST1_FASTAGI_PORT", LOCAL_FASTAGI_PORT)),
        )


def local_parameters(
    ports: LocalPbxPorts,
    sounds_dir: str,
    environment: Mapping[str, str],
    asterisk_version: tuple[int, int] = (22, 2),
) -> PbxParameters:
    """The local PBX's parameters. TAST1_AMI_SECRET and TAST1_FASTAGI_TOKEN replace the well-known secrets."""
    return PbxParameters(
        offices=DEMO_OFFICES,
        fastagi_host=LOCAL_PBX_ADDRESS,
        fastagi_port=ports.fastagi,
        fastagi_token=environment.get("TAST1_FASTAGI_TOKEN", LOCAL_PBX_SECRET),
        ami_host=LOCAL_PBX_ADDRESS,
        ami_port=ports.ami,
        ami_user=LOCAL_AMI_USER,
        ami_secret=environment.get("TAST1_AMI_SECRET", LOCAL_PBX_SECRET),
        trunk_endpoint=TRUNK_ENDPOINT,
        sounds_dir=sounds_dir,
        asterisk_version=asterisk_version,
    )


def local_files(parameters: PbxParameters, sip_port: int, base: str) -> dict[str, str]:
    """File name -> text, for an etc folder. `base` is the run folder as Asterisk sees it."""
    return {
        "asterisk.conf": _asterisk_conf(base),
        "modules.conf": _modules_conf(),
        "logger.conf": "[general]\ndateformat = %F %T.%3q\n[logfiles]\nmessages = notice,warning,error\n",
        "manager.conf": manager_conf(parameters),
        "extensions.conf": extensions_conf(parameters) + "\n" + from_office_conf(parameters),
        "pjsip.conf": pjsip_conf(parameters, sip_port),
        "rtp.conf": "[general]\nrtpstart = 10000\nrtpend = 19999\nicesupport = no\nstrictrtp = no\n",
        "indications.conf": _INDICATIONS,
        # Asterisk declines a module whose file is missing, so these stand here with nothing in them but a section.
        "features.conf": "[general]\n[featuremap]\n[applicationmap]\n",
        "musiconhold.conf": "[general]\n",
        "http.conf": "[general]\nenabled = no\n",
        "cdr.conf": "[general]\nenable = no\n",
        "cel.conf": "[general]\nenable = no\n",
        "udptl.conf": "[general]\n",
        "acl.conf": "",
        "ccss.conf": "[general]\n",
        "confbridge.conf": "[general]\n",
        "dsp.conf": "[default]\n",
        "res_http_media_cache.conf": "[general]\ntimeout_secs = 5\n",
        "stasis.conf": "[threadpool]\ninitial_size = 5\nmax_size = 50\n",
        "sorcery.conf": "",
        "pjproject.conf": "",
        "cli_aliases.conf": "[general]\n",
    }


def from_office_conf(parameters: PbxParameters) -> str:
    """Calls from the office's own phones: to each other, and out with the office's public number as caller id."""
    lines = ["; Calls from office phones.", "[from-office]"]
    lines += [f"exten => _{EXTENSIONS[0][:2]}X,1,Dial(PJSIP/${{EXTEN}},60)", " same => n,Hangup()"]
    for pattern in ("_X.", "_+X."):
        lines.append(f"exten => {pattern},1,Set(TAST1_PUBLIC=)")
        for office in parameters.offices:
            for extension in office.extensions:
                lines.append(
                    f' same => n,ExecIf($["${{CALLERID(num)}}" = "{extension}"]'
                    f"?Set(TAST1_PUBLIC={office.public_number}))"
                )
        lines += [
            ' same => n,ExecIf($["${TAST1_PUBLIC}" != ""]?Set(CALLERID(num)=${TAST1_PUBLIC}))',
            f" same => n,Dial(PJSIP/${{EXTEN}}@{parameters.trunk_endpoint},60)",
            " same => n,Hangup()",
        ]
    return "\n".join(lines) + "\n"


def pjsip_conf(parameters: PbxParameters, sip_port: int) -> str:
    """SIP on loopback. Peers are told apart by their address; nobody logs in."""
    sections = [
        "[global]\ntype = global\nendpoint_identifier_order = ip\nuser_agent = Tast 1 local PBX\n",
        f"[transport-udp]\ntype = transport\nprotocol = udp\nbind = {LOCAL_PBX_ADDRESS}:{sip_port}\n",
        (
            "[peer](!)\ntype = endpoint\ntransport = transport-udp\ndisallow = all\nallow = alaw,ulaw\n"
            "direct_media = no\ndtmf_mode = auto_info\nallow_subscribe = no\n"
            f"bind_rtp_to_media_address = yes\nmedia_address = {LOCAL_PBX_ADDRESS}\n"
        ),
        _peer(parameters.trunk_endpoint, INBOUND_CONTEXT, PUBLIC_NETWORK_ADDRESS),
        _peer("office", "from-office", OFFICE_PHONES_ADDRESS),
        _peer("contact-centre", INBOUND_CONTEXT, CONTACT_CENTRE_ADDRESS),
        _peer("line-elsewhere", EXTENSIONS_CONTEXT, LINE_ELSEWHERE_ADDRESS),
        *(_office_phone(extension) for extension in EXTENSIONS),
    ]
    return "\n".join(sections)


def _peer(name: str, context: str, address: str) -> str:
    return (
        f"[{name}](peer)\ncontext = {context}\naors = {name}\n\n"
        f"[{name}]\ntype = aor\ncontact = sip:{address}:{PEER_SIP_PORT}\n\n"
        f"[{name}]\ntype = identify\nendpoint = {name}\nmatch = {address}\n"
    )


def _office_phone(extension: str) -> str:
    return (
        f"[{extension}](peer)\ncontext = from-office\naors = {extension}\n\n"
        f"[{extension}]\ntype = aor\ncontact = sip:{extension}@{OFFICE_PHONES_ADDRESS}:{PEER_SIP_PORT}\n"
    )


def _asterisk_conf(base: str) -> str:
    return f"""\
[directories]
astetcdir => {base}/etc
astvarlibdir => {base}/lib
astdbdir => {base}/lib
astkeydir => {base}/lib
astdatadir => /usr/share/asterisk
astagidir => {base}/lib/agi-bin
astspooldir => {base}/spool
astcachedir => {base}/cache
astrundir => {base}/run
astlogdir => {base}/log

[options]
live_dangerously = no
documentation_language = en_US
maxfiles = 65536
"""


def _modules_conf() -> str:
    lines = ["[modules]", "autoload = yes"]
    return "\n".join([*lines, *(f"noload = {name}.so" for name in _NOT_LOADED)]) + "\n"


# Servers that nobody asked for, modules that need hardware or a database, and records nobody keeps here; and file
# formats nobody has: for each prompt Asterisk looks for a file in every format.
_NOT_LOADED: Final = tuple(  # a block of words is easier to keep than 150 quoted ones
    """
    cdr_adaptive_odbc cdr_csv cdr_custom cdr_manager cdr_odbc cdr_pgsql cdr_radius cdr_sqlite3_custom cdr_tds
    cel_custom cel_manager cel_odbc cel_pgsql cel_radius cel_sqlite3_custom cel_tds res_cdrel_custom
    chan_audiosocket chan_console chan_dahdi chan_iax2 chan_motif chan_unistim chan_websocket
    res_adsi res_aeap res_ael_share res_ari res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels
    res_ari_device_states res_ari_endpoints res_ari_events res_ari_model res_ari_playbacks res_ari_recordings
    res_ari_sounds res_audiosocket res_calendar res_calendar_caldav res_calendar_ews res_calendar_exchange
    res_calendar_icalendar res_config_curl res_config_ldap res_config_odbc res_config_pgsql
    res_config_sqlite3 res_fax res_fax_spandsp
    res_geolocation res_hep res_hep_pjsip res_hep_rtcp res_http_websocket res_limit res_odbc res_odbc_transaction
    res_parking res_phoneprov res_pjsip_config_wizard res_pjsip_exten_state res_pjsip_dialog_info_body_generator
    res_pjsip_pidf_body_generator res_pjsip_pidf_digium_body_supplement res_pjsip_pidf_eyebeam_body_supplement
    res_pjsip_xpidf_body_generator res_stasis res_stasis_answer res_stasis_broadcast res_stasis_device_state
    res_stasis_playback res_stasis_recording res_stasis_snoop res_stasis_test app_stasis app_stasis_broadcast
    res_pjsip_geolocation res_pjsip_notify
    res_pjsip_outbound_publish res_pjsip_phoneprov_provider res_pjsip_publish_asterisk res_pjsip_stir_shaken
    res_pjsip_transport_websocket res_prometheus res_resolver_unbound res_smdi res_snmp res_speech_aeap res_statsd
    res_stir_shaken res_stun_monitor res_websocket_client res_xmpp
    app_adsiprog app_agent_pool app_alarmreceiver app_amd app_audiosocket app_dictate app_directory app_festival
    app_followme app_getcpeid app_jack app_meetme app_minivm app_page app_queue app_sla app_sms app_voicemail
    app_voicemail_imap app_voicemail_odbc
    format_g719 format_g723 format_g726 format_g729 format_gsm format_h263 format_h264 format_ilbc
    format_ogg_opus_open_source format_ogg_speex format_ogg_vorbis format_siren14 format_siren7 format_vox format_vp8
    format_wav_gsm format_pcm format_sln
    func_odbc pbx_ael pbx_dundi pbx_lua pbx_realtime pbx_spool
    """.split()  # noqa: SIM905
)

_INDICATIONS: Final = """\
[general]
country = no

[no]
description = Norway
ringcadence = 1000,4000
dial = 425
busy = 425/500,0/500
ring = 425/1000,0/4000
congestion = 425/200,0/200
callwaiting = 425/200,0/600,425/200,0/10000
dialrecall = 470/400,425/400
record = 1400/400,0/15000
info = !950/330,!1400/330,!1800/330,!0/1000
"""
