"""E-mail, by SMTP: text and HTML with pictures, one thread per incident."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, getaddresses, parseaddr
from hashlib import sha256

from alerts.hosts import is_host, is_loopback
from alerts.mailbody import as_html
from alerts.message import Message, Picture, as_text, clean, cut, stamp
from alerts.secret import Secret
from alerts.smtp import Server, Tls, hand_over

PICTURES = 6
PICTURE_BYTES = 4_000_000
"""All pictures of a mail together; common servers refuse mails above 10 MB."""

_PORTS = {"starttls": 587, "implicit": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class Channel:
    """E-mail, by SMTP."""

    host: str = field(metadata={"help": "SMTP server"})
    sender: str = field(metadata={"help": "From: address, with or without a name"})
    to: tuple[str, ...] = field(metadata={"help": "addresses to send to"})
    tls: Tls = field(default="starttls", metadata={"help": "encryption; none only to this machine"})
    port: int | None = field(
        default=None, metadata={"help": "left out: 587 for starttls, 465 for implicit, 25"}
    )
    user: str = field(default="", metadata={"help": "login; left out: none"})
    password: Secret | None = field(default=None, metadata={"help": "password of the login"})
    ca_file: str = field(
        default="", metadata={"help": "PEM file of the authority that signed the server"}
    )
    timeout: float = field(default=30.0, metadata={"help": "seconds to wait for the server"})

    def __post_init__(self) -> None:
        if not is_host(self.host):
            raise ValueError(f"host: {clean(self.host, 80)!r} is no name of a server")
        if self.port is not None and not 0 < self.port < 65536:
            raise ValueError(f"port: {self.port}; use 1 to 65535")
        _require_address("sender", self.sender)
        for address in self.to:
            _require_address("to", address)
        if not self.to:
            raise ValueError("to: is empty; name at least one address")
        if self.tls not in _PORTS:
            raise ValueError(f"tls: {self.tls!r}; use one of {', '.join(_PORTS)}")
        if self.tls == "none" and not is_loopback(self.host):
            raise ValueError(f"tls: {self.host} must be reached by starttls or implicit")
        if bool(self.user) != bool(self.password):
            raise ValueError("user: a login needs both user and password")
        if self.password and not f"{self.user}{self.password.reveal()}".isascii():
            raise ValueError("password: a login may hold ASCII characters only")
        if not 0 < self.timeout <= 300:
            raise ValueError(f"timeout: {self.timeout:g}; use 1 to 300 seconds")

    def send(self, message: Message, key: str, thread: str | None) -> str:
        """Mail the message; see `alerts.delivery.Channel`.

        The handle is the identifier of a mail that never existed, to which all mails of an
        incident reply: the thread survives the loss of any of them.
        """
        root = thread or self._root(message)
        mail = self._mail(message, key, root)
        hand_over(mail, parseaddr(self.sender)[1], self.to, self._server())
        return root

    def _server(self) -> Server:
        return Server(
            host=self.host,
            port=self.port or _PORTS[self.tls],
            tls=self.tls,
            name=self._domain(),
            user=self.user,
            password=self.password,
            ca_file=self.ca_file,
            timeout=self.timeout,
        )

    def _mail(self, message: Message, key: str, root: str) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        slug = re.sub(r"[^a-z0-9]+", "-", message.model.lower())[:60].strip("-") or "model"
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.to)
        mail["Subject"] = subject(message)
        # The moment of sending, not the window's: a late page must not sink below older mail.
        mail["Date"] = formatdate(usegmt=True)
        mail["Message-ID"] = f"<alert-{_digest(key)}@{self._domain()}>"
        mail["In-Reply-To"] = root
        mail["References"] = root
        mail["List-Id"] = f"<{slug}.modelmon.{self._domain()}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["Precedence"] = "bulk"
        mail["X-Alert-Fingerprint"] = _digest(message.key)
        _fill(mail, message, self._domain())
        return mail

    def _root(self, message: Message) -> str:
        day = f"{message.since.astimezone(UTC):%Y%m%d}"
        return f"<alert-{_digest(message.key)}-{day}@{self._domain()}>"

    def _domain(self) -> str:
        return parseaddr(self.sender)[1].rpartition("@")[2]


def subject(message: Message) -> str:
    """The subject line: after its first word the same for all mails of an incident."""
    stem = f"{cut(message.model, 60)}: {cut(message.cause, 30)} since {stamp(message.since)}"
    return f"[{message.word}] {stem}"


def _fill(mail: EmailMessage, message: Message, domain: str) -> None:
    pictures = list(_that_fit(message.pictures))
    names = [f"picture-{number}@{domain}" for number, _ in enumerate(pictures, start=1)]
    shown = [(f"cid:{name}", picture.alt) for name, picture in zip(names, pictures, strict=True)]
    mail.set_content(as_text(message))
    mail.add_alternative(as_html(message, shown), subtype="html")
    _, page = mail.iter_parts()
    for name, picture in zip(names, pictures, strict=True):
        page.add_related(
            picture.png,
            "image",
            "png",
            cid=f"<{name}>",
            disposition="inline",
            filename=f"{name.partition('@')[0]}.png",
        )


def _that_fit(pictures: tuple[Picture, ...]) -> list[Picture]:
    room, fitting = PICTURE_BYTES, []
    for picture in pictures[:PICTURES]:
        if len(picture.png) <= room:
            room -= len(picture.png)
            fitting.append(picture)
    return fitting


def _digest(key: str) -> str:
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _require_address(name: str, text: str) -> None:
    addresses = [address for _, address in getaddresses([text])]
    one = len(addresses) == 1 and addresses[0].isascii() and text.isprintable()
    if not one or not re.fullmatch(r"[^\s@<>(),;:\"\\]+@[A-Za-z0-9.-]+", addresses[0]):
        raise ValueError(f"{name}: {clean(text, 80)!r} is no address; use name@host in ASCII")
