"""An httpx transport that moves the bytes with aiohttp.

httpx's own transport needs 4 times the CPU for each small block and 6 times for each byte of a large file
(measured on loopback, httpx 0.28, aiohttp 3.14), and an index is 10,000 small blocks. So requests, addresses
and answers are httpx's, connections are aiohttp's, which bounds headers and the bytes read ahead.

Promised: one request is one exchange, without redirect, cookie, decompression, or a credential that was not
in the request (as one of ~/.netrc). Proxies of the environment are used, but never for this machine. Every
fault of aiohttp becomes the httpx error of the same meaning.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from yarl import URL

from ipwhl_mirror.nodes.embedded.addresses import is_loopback

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator

    from aiohttp.abc import AbstractResolver


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Connections of one client; to be made inside a running event loop."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        """`resolver` finds the addresses of names; None: the system's."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, resolver=resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
            auto_decompress=False,
        )
        self._proxies: dict[str, str | None] = {}

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange, of a request without a body; the body of the answer is read as it is iterated.

        Raises:
            httpx.TransportError: it failed.
        """
        times = request.extensions.get("timeout", {})
        timeout = aiohttp.ClientTimeout(
            total=None,
            connect=times.get("connect"),
            sock_connect=times.get("connect"),
            sock_read=times.get("read"),
        )
        with _httpx_errors():
            response = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                allow_redirects=False,
                timeout=timeout,
                proxy=self._proxy(request.url),
                ssl=self._tls if request.url.scheme == "https" else True,
            )
        return httpx.Response(
            response.status, headers=response.raw_headers, stream=_Body(response), request=request
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()

    def _proxy(self, url: httpx.URL) -> str | None:
        key = f"{url.scheme}://{url.host}"
        if key not in self._proxies:
            proxies = getproxies()
            is_direct = is_loopback(url) or proxy_bypass(url.host)
            self._proxies[key] = None if is_direct else proxies.get(url.scheme, proxies.get("all"))
        return self._proxies[key]


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx_errors():
            async for piece in self._response.content.iter_any():
                yield piece

    async def aclose(self) -> None:
        # After the end of the body the connection went back already; before it, it is of no more use.
        self._response.close()


@contextmanager
def _httpx_errors() -> Iterator[None]:
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except TimeoutError as error:
        raise httpx.ReadTimeout(str(error)) from error
    except (aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError) as error:
        raise httpx.ProxyError("the proxy does not serve") from error
    except (aiohttp.ClientConnectorError, aiohttp.ClientSSLError) as error:
        raise httpx.ConnectError(error.os_error.strerror or str(error.os_error)) from error
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        raise httpx.UnsupportedProtocol("no http or https address") from error
    except (aiohttp.ClientOSError, OSError) as error:
        raise httpx.ReadError(error.strerror or "") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise httpx.RemoteProtocolError(str(error)) from error
