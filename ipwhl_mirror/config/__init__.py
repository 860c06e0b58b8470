"""Settings: command line, then environment, then the TOML file, then defaults.

The file is `config.toml` in the user's configuration directory (platformdirs) or `--config FILE`. Unknown
keys and values of the wrong kind are errors that name the file, the key and what was expected.

    [node]                          [serve]                          [storage]
    spec = "auto"                   listen = "127.0.0.1:8085"        reserve_free = 1073741824
    gateways = ["https://..."]      hosts = []                       budget = 0
    concurrency = 8                 behind_proxy = false
    stall_timeout = 30
    auth_file = ""                                                   [sources]
    [ui]                            [keys]                           private_hosts = []
    theme = "textual-dark"          "release.pin" = "p"
    ascii = false

    [mirror.campus]
    source = "campus"
"""

from __future__ import annotations

from ipwhl_mirror.config.errors import ConfigError
from ipwhl_mirror.config.positions import position_of
from ipwhl_mirror.config.reading import APP, default_config_path, default_data_dir, load_config
from ipwhl_mirror.config.tables import (
    DEFAULT_GATEWAYS,
    Config,
    MirrorConfig,
    NodeConfig,
    ServeConfig,
    SourcesConfig,
    StorageConfig,
    UiConfig,
)

__all__ = [
    "APP",
    "DEFAULT_GATEWAYS",
    "Config",
    "ConfigError",
    "MirrorConfig",
    "NodeConfig",
    "ServeConfig",
    "SourcesConfig",
    "StorageConfig",
    "UiConfig",
    "default_config_path",
    "default_data_dir",
    "load_config",
    "position_of",
]
