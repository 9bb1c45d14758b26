"""element.py - XML as the tests see it.

Elements are those of xml.etree, with names in Clark notation ("{jabber:client}message"). Templates
are written as XML text: what a template has must be there, what it does not mention may be there.
`{any}` stands for any text or attribute value, `{absent}` for an attribute that must not be there.
"""
import ctypes
import functools
import xml.etree.ElementTree as ET
from xml.parsers import expat
from xml.sax import saxutils

ANY = "{any}"
ABSENT = "{absent}"

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


class NS:
    """Namespaces, by the short name that templates and tests use."""
    stream = "http://etherx.jabber.org/streams"
    client = "jabber:client"
    server = "jabber:server"
    tls = "urn:ietf:params:xml:ns:xmpp-tls"
    sasl = "urn:ietf:params:xml:ns:xmpp-sasl"
    sasl_cb = "urn:xmpp:sasl-cb:0"
    bind = "urn:ietf:params:xml:ns:xmpp-bind"
    session = "urn:ietf:params:xml:ns:xmpp-session"
    streams = "urn:ietf:params:xml:ns:xmpp-streams"
    stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"
    roster = "jabber:iq:roster"
    sm = "urn:xmpp:sm:3"
    ping = "urn:xmpp:ping"
    delay = "urn:xmpp:delay"
    disco_info = "http://jabber.org/protocol/disco#info"
    disco_items = "http://jabber.org/protocol/disco#items"


def _undeferred():
    """A parser that reports each element with its last byte.

    Newer expat waits for more bytes when a token came in pieces; Python 3.11 cannot say no to that,
    so the C function is called where it exists. The XML_Parser stands behind the object's header.
    """
    parser = expat.ParserCreate("UTF-8", namespace_separator="}")
    try:
        library = ctypes.CDLL("libexpat.so.1")
        disable = library.XML_SetReparseDeferralEnabled
    except (OSError, AttributeError):
        return parser
    disable.argtypes = [ctypes.c_void_p, ctypes.c_ubyte]
    disable(ctypes.c_void_p.from_address(id(parser) + object.__basicsize__).value, 0)
    return parser


def _clark(name):
    return "{" + name if "}" in name else name


class StreamParser:
    """Bytes of an XML stream to events: ("open", header), ("element", child), ("close", None)."""

    def __init__(self):
        self.events = []
        self.stack = []
        self.parser = _undeferred()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        # RFC 6120 section 11.1 holds for what a server sends, too.
        self.parser.CommentHandler = self._forbidden
        self.parser.ProcessingInstructionHandler = self._forbidden
        self.parser.StartDoctypeDeclHandler = self._forbidden

    def feed(self, data):
        """Events of these bytes; raises ValueError if they are no XML."""
        try:
            self.parser.Parse(data, False)
        except expat.ExpatError as error:
            raise ValueError(f"not well-formed: {error}") from error
        events, self.events = self.events, []
        return events

    def _start(self, name, attributes):
        element = ET.Element(_clark(name), {_clark(key): value for key, value in attributes.items()})
        if len(self.stack) > 1:
            self.stack[-1].append(element)
        self.stack.append(element)
        if len(self.stack) == 1:
            self.events.append(("open", element))

    def _end(self, name):
        element = self.stack.pop()
        if len(self.stack) == 1:
            self.events.append(("element", element))
        elif not self.stack:
            self.events.append(("close", None))

    def _text(self, data):
        if len(self.stack) < 2:
            return  # white space between stanzas
        element = self.stack[-1]
        if len(element):
            element[-1].tail = (element[-1].tail or "") + data
        else:
            element.text = (element.text or "") + data

    def _forbidden(self, *arguments):
        raise ValueError(f"restricted XML from the server: {arguments}")


@functools.lru_cache(maxsize=4096)
def _template(xml):
    return parse(xml)


def parse(xml):
    """An element of XML text, as if it stood in a client's stream."""
    wrapped = f"<w xmlns='{NS.client}' xmlns:stream='{NS.stream}'>{xml.strip()}</w>"
    root = ET.fromstring(wrapped)
    if len(root) != 1:
        raise ValueError(f"one element expected: {xml}")
    return root[0]


def quote(value):
    """A value as it stands in XML text, between single quotes or tags."""
    return saxutils.escape(str(value), {"'": "&apos;"})


def show(element):
    """The element as text for people: default namespaces instead of made-up prefixes."""
    return _show(element, NS.client)


def _split(name):
    return name[1:].split("}", 1) if name.startswith("{") else (None, name)


def _show(element, outer):
    namespace, name = _split(element.tag)
    parts = [name]
    if namespace == NS.stream:
        parts = ["stream:" + name]
    elif namespace != outer:
        parts.append(f"xmlns='{namespace or ''}'")
        outer = namespace
    for key, value in element.attrib.items():
        key = "xml:lang" if key == XML_LANG else key
        parts.append("%s='%s'" % (key, quote(value)))
    inside = saxutils.escape(element.text or "")
    inside += "".join(_show(part, outer) + saxutils.escape(part.tail or "") for part in element)
    if not inside:
        return "<" + " ".join(parts) + "/>"
    return "<" + " ".join(parts) + ">" + inside + "</" + parts[0] + ">"


def mismatch(element, template):
    """Why the element does not match the template (XML text or element); None if it does."""
    if isinstance(template, str):
        template = _template(template)
    if element.tag != template.tag:
        return f"is {element.tag}, not {template.tag}"
    for key, wanted in template.attrib.items():
        value = element.get(key)
        if wanted == ABSENT:
            if value is not None:
                return f"attribute {key} should not be there"
        elif value is None:
            return f"attribute {key} is missing"
        elif wanted not in (ANY, value):
            return f"attribute {key} is {value!r}, not {wanted!r}"
    wanted = (template.text or "").strip()
    found = (element.text or "").strip()
    if wanted and not (found if wanted == ANY else found == wanted):
        return f"text of {element.tag} is {found!r}, not {wanted!r}"
    return _mismatch_children(element, template)


def _mismatch_children(element, template):
    left = list(element)
    for wanted in template:
        for index, candidate in enumerate(left):
            if mismatch(candidate, wanted) is None:
                del left[index]
                break
        else:
            same = [part for part in left if part.tag == wanted.tag]
            why = mismatch(same[0], wanted) if same else "it is missing"
            return f"no child {show(wanted)} in {element.tag}: {why}"
    return None


def matches(element, template):
    return mismatch(element, template) is None


def _qualified(element, name):
    """`name` may be "{ns}name", or "name" in the namespace of the element itself."""
    return name if name.startswith("{") else "{%s}%s" % (_split(element.tag)[0], name)


def child(element, *names):
    """Goes down by the first child of each name; None if there is none."""
    for name in names:
        if element is None:
            return None
        element = element.find(_qualified(element, name))
    return element


def children(element, name):
    return element.findall(_qualified(element, name))


def text(element, *names):
    """The text of the element that child() finds; None if there is no such element."""
    found = child(element, *names)
    return None if found is None else found.text or ""


def attribute(element, key):
    return None if element is None else element.get(key)
