"""Places of a C++ text at which a fault of a known kind can be seeded, found by rules.

A place is a stretch of the text with what would stand there instead. The kinds:

    factor      a factor or a divisor is left out:         a * b -> a
    argument    two neighbouring arguments exchanged:      f(a, b) -> f(b, a)
    set         another set:                               train_x -> test_x, support <-> query
    setting     a setting read as its default, or as another of its type
    epoch       a boundary moved by one:                   i + 1 -> i,  t.epoch(i) -> t.epoch(i + 1)
    comparison  turned round or widened:                   a < b -> a > b,  below -> above
    sign        a sign changed:                            a + b -> a - b
    line        an assignment or a call is left out
    row         a row of a table has what its neighbour has

Comments, strings, #includes, messages of errors and what refuses a value are left alone, and so are
functions that no number comes out of (`QUIET`).
"""
import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Place:
    file: str
    line: int
    kind: str
    start: int
    end: int
    old: str
    new: str
    source: str  # the line, stripped

    def told(self):
        """Without the line's number, which moves: what equivalent.txt has."""
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{self.file}: {self.kind}: {old!r} -> {new!r}: {self.source}"

    def __str__(self):
        return self.told().replace(":", f":{self.line}:", 1)


# Functions whose bodies are no method, trial, statistic or claim: refusals, presets and estimates
# (tests of settings hold them), words and pictures.
QUIET = re.compile(
    r"\b(check\w*|needs|card|fields|choose|preset_of|\w+_settings|about|"
    r"first_filters|by_layer|title_of|job_name|percent|\w+_chart|add_figures|show|log_\w+|name|"
    r"str|to_metadata|load_scene_model|text)\([^;{}]*\)[^;{}()]*\{")
PAIRS = [("train_x", "test_x"), ("train_y", "test_y"), ("support_x", "query_x"),
         ("support_y", "query_y"), ("training", "validation"), ("validation", "test"),
         ("test", "train"), ("train", "test")]
COMMUTE = {"max", "min", "mul", "add", "pair", "TensorList", "l1_loss", "printf"}


def masked(text):
    """The text with comments, strings and preprocessor lines blanked, of the same length."""
    def blank(m):
        return re.sub(r"[^\n]", "\x01" if m.group(0)[0] in "\"'" else " ", m.group(0))
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])*\''
                  r'|^[ \t]*#[^\n]*', blank, text, flags=re.S | re.M)


def closing(text, at):
    """The index of the bracket that closes the one at `at`; the end of the text where none does."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    depth = 0
    for i in range(at, len(text)):
        if text[i] == text[at]:
            depth += 1
        elif text[i] == pairs[text[at]]:
            depth -= 1
            if depth == 0:
                return i
    return len(text) - 1


def term_end(text, at):
    """The end of the term that begins at `at`: a name or number with its members, calls and
    subscripts, or what stands in brackets. `at` itself where none begins."""
    m = re.compile(r"[-]?[\w.:]+(?:<[\w:]+>)?|(?=\()").match(text, at)
    if not m:
        return at
    i = m.end()
    while i < len(text):
        if text[i] in "([" or (text[i] == "{" and text[m.start():i].endswith("Random")):
            i = closing(text, i) + 1
        elif m2 := re.compile(r"(?:->|\.)\w+(?:<[\w:]+>)?").match(text, i):
            i = m2.end()
        else:
            break
    return i


def arguments(text, opened):
    """(start, end) of each argument inside the bracket at `opened`."""
    end, out, i = closing(text, opened), [], opened + 1
    start = i
    while i < end:
        if text[i] in "([{":
            i = closing(text, i)
        elif text[i] == ",":
            out.append((start, i))
            start = i + 1
        i += 1
    out.append((start, end))
    return [(s + len(text[s:e]) - len(text[s:e].lstrip()), e) for s, e in out]


# Names that are of one type throughout, of which there is one in a call.
TYPED = re.compile(r"[*&]?(s|s_|set_|settings_?|state|t|job_?|out|net|ctx|batch|o|options_?|rule|"
                   r"loss|r|how|data|data_|sgd|learner|mel|folder|moment|result|task|"
                   r"experiment|card)$")


def kind_of(argument):
    """A guess at what an argument is."""
    for kind, pattern in [
            ("braces", r"[{\[]"), ("iterator", r".*\.(begin|end)\(\)$"),
            ("dtype", r".*(DType::\w+|\.dtype\(\))$"), ("shape", r".*\.shape\(\)$"),
            ("flag", r"true$|false$|.* (&&|\|\||==|!=) "), ("moved", r"std::move"),
            ("stream", r"r /|random_|Random\b"),
            ("number", r"-?[\d.]+$|static_cast<|.*\.(size\(\d*\)|numel\(\)|dim\(\))$")]:
        if re.match(pattern, argument, re.S):
            return kind
    return "typed " + argument if TYPED.match(argument) else "name"


def alike(a, b, first):
    """Whether these two arguments may be of one type; first: they are the first two of a call."""
    kinds = {kind_of(a), kind_of(b)}
    if len(kinds) == 1:
        return a != b and kinds & {"name", "number", "flag", "stream"}
    return kinds == {"name", "number"} and not first


def statements(text):
    """(start, end) between one ; { or } and the next, none of them inside round brackets."""
    out, start, depth = [], 0, 0
    for i, c in enumerate(text):
        depth += {"(": 1, ")": -1}.get(c, 0)
        if c in "{}" or (c == ";" and depth <= 0):
            out.append((start, i + 1))
            start = i + 1
            depth = 0 if c != "{" else depth
    return out


class Fields:
    """Members of structs, as `type name = default;`: {name: [(type, default)]}."""

    def __init__(self, texts):
        self.known = {}
        for at, text in enumerate(texts):
            text = masked_keep_strings(text)
            for s in re.finditer(r"\bstruct (\w+)[^;{]*\{", text):
                body = text[s.end():closing(text, s.end() - 1)]
                member = r"^  (?!return|using|static|constexpr)([\w:]+(?:<[^;=]*?>)?) (\w+ =[^;]*);"
                for m in re.finditer(member, body, re.M):
                    own = [part.split("=", 1) for part in split_top(m.group(2)) if "=" in part]
                    for name, default in own:
                        self.known.setdefault(name.strip(), []).append(
                            (m.group(1), default.strip(), (at, s.group(1))))

    def others(self, name):
        """What may stand where this setting is read: its default; its neighbour of one type."""
        if name not in self.known:
            return None, None
        kind, default, struct = self.known[name][0]
        same = [n for n, of in self.known.items() if (kind, struct) in [(t, s) for t, _, s in of]]
        return (f"{kind}{default}" if default.startswith("{") else f"{kind}({default})",
                same[(same.index(name) + 1) % len(same)])


def split_top(text):
    depth, out, start = 0, [], 0
    for i, c in enumerate(text):
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(c, 0)
        if c == "," and depth == 0:
            out.append(text[start:i])
            start = i + 1
    return out + [text[start:]]


def masked_keep_strings(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text,
                  flags=re.S)


def find(file, text, fields):
    """All places of one file, in their order."""
    code = masked(text)
    lines = text.split("\n")
    skipped = [False] * (len(code) + 1)

    def skip(start, end):
        for i in range(start, end):
            skipped[i] = True
    for m in QUIET.finditer(code):
        skip(m.start(), closing(code, m.end() - 1))
    parts = statements(code)
    for start, end in parts:
        if re.search(r"\bthrow\b|\bneed\(|Error\(|static_assert|\btemplate\b|\brequires\b|"
                     r"\busing\b|\bpart\(|\bfigures\b|\bgalleries\b|\blistings\b", code[start:end]):
            skip(start, end)
    out, taken = [], set()

    def add(kind, start, end, new):
        old = text[start:end]
        if any(skipped[start:end]) or old == new or (start, end, new) in taken:
            return
        taken.add((start, end, new))
        line = text.count("\n", 0, start) + 1
        out.append(Place(file, line, kind, start, end, old, new, lines[line - 1].strip()))

    def line_of(at):
        start = code.rfind("\n", 0, at) + 1
        return code[start:code.find("\n", at)]
    for m in re.finditer(r" ([*/]) (?=[\w(-])", code):  # factors
        end = term_end(code, m.end())
        if end > m.end() and code[m.start() - 1] not in "(,=":
            add("factor", m.start(), end, "")
    calls = r"\b(?!if|for|while|switch|return|catch|sizeof)(\w+)(?:<[\w:]+>)?\((?!\))"
    for m in re.finditer(calls, code):  # arguments
        if m.group(1) in COMMUTE or code[m.start() - 1] in "~&":
            continue
        args = arguments(code, m.end() - 1)
        declared = any(re.match(r"(const )?[\w:<>, ]+[&*]* \w*$|const |auto", code[s:e]) or
                       re.search(r"[&*]$", code[s:e]) for s, e in args)
        if declared or len(args) < 2:
            continue
        for (s, e), (s2, e2) in zip(args, args[1:]):
            a, b = text[s:e], text[s2:e2]
            if "\x01" in code[s:e2] or not alike(a, b, s == args[0][0]):
                continue
            add("argument", s, e2, b + text[e:s2] + a)
    for a, b in PAIRS:  # sets
        after = "::" if a == "training" else r"(?:\.|->|::)"  # Context has a flag of that name
        for m in re.finditer(r"%s(%s)\b(?!\()" % (after, a), code):
            split = code[:m.start(1)].endswith("Split::")
            add("set", m.start(1), m.end(1), "validation" if split and a == "test" else b)
    for m in re.finditer(r"\b(of_(?:seen|train)|in)\(Part::(train|test)\)", code):
        add("set", m.start(2), m.end(2), "test" if m.group(2) == "train" else "train")
    reads = re.compile(r"(?<![\w.>])(?:this->)?(s|s_|set_|settings|settings_|o|options|options_|t|"
                       r"rule|how|schedule|sharpness|settings_\.\w+|s_\.\w+|"
                       r"learner_\.schedule)\.(\w+)\b"
                       r"(?!\(|\.| [-+*/]?= |\+\+|\[)")
    for m in reads.finditer(code):  # settings
        default, another = fields.others(m.group(2))
        if default:
            add("setting", m.start(), m.end(), default)
            add("setting", m.start(2), m.end(2), another)
    for m in re.finditer(r"(?<=[\w)]) [+-] 1(?![\w.])", code):  # epochs
        add("epoch", m.start(), m.end(), "")
    for m in re.finditer(r"\bepoch\((\w+)\)|\b(i|step|epoch|batch\.i)(?= [%/] |\) [%/] )", code):
        g = 1 if m.group(1) else 2
        if m.group(1) not in ("const", None) or g == 2:
            add("epoch", m.start(g), m.end(g), f"({m.group(g)} + 1)" if g == 2
                else f"{m.group(1)} + 1")
    turned = {"<": [">", "<="], ">": ["<", ">="], "<=": ["<", ">="], ">=": [">", "<="],
              "==": ["!="], "!=": ["=="], "&&": ["||"], "||": ["&&"]}
    # comparisons
    for m in re.finditer(r"(?<=[\w)\]]) (<=|>=|<|>|==|!=|&&|\|\|) (?=[\w(!-])", code):
        if re.match(r"\s*(} else )?(for|while) ?\(", line_of(m.start())):
            continue
        for new in turned[m.group(1)]:
            add("comparison", m.start(1), m.end(1), new)
    for a, b in [("gt", "lt"), ("ge", "lt"), ("lt", "gt"), ("le", "gt"), ("eq", "ne"),
                 ("above", "below"), ("below", "above"), ("higher", "lower"), ("lower", "higher"),
                 ("amin", "amax"), ("amax", "amin"), ("argmax", "argmin")]:
        for m in re.finditer(r"(?<![\w])(%s)(?=\()|(?<=::)(%s)\b" % (a, a), code):
            if not re.match(r"\s*(void|Tensor|Verdict|bool|auto) ", line_of(m.start())):
                add("comparison", m.start(), m.end(), b)
    for m in re.finditer(r"(?<=[\w)\]]) ([+-]) (?=[\w(.-])|(?<=[\w)\]]) ([+-])(?== )"
                         r"|(?<=[(,=?:] )(-)(?=[\w(])|(?<=return )(-)(?=[\w(])", code):  # signs
        g = next(k for k in (1, 2, 3, 4) if m.group(k))
        by_one = re.match(r" [+-] 1(?![\w.])", code[m.start():m.end() + 2])
        if by_one or g < 3 and "\x01" in line_of(m.start()):
            continue
        add("sign", m.start(g), m.end(g),
            {"+": "-", "-": "+"}[m.group(g)] if g < 3 else "")
    for start, end in parts:  # lines
        s = code[start:end]
        begin = start + len(s) - len(s.lstrip())
        body = code[begin:end]
        plain = re.match(r"[\w.>\[\]-]+(?:\([^()]*\))? (?:[-+*/]?=) |[\w.:>-]+\(", body)
        if (not plain or not body.endswith(";") or body.count("(") != body.count(")") or
                re.match(r"(return|case|default|if|for|while|else|const|auto|using|delete|public|"
                         r"private)\b", body) or code[max(0, start - 1)] not in ";{}" or
                "\x01" in body or re.match(r"\w+\([^()]*\);$", body) and
                re.search(r"const|&", body)):
            continue
        if code[begin - 1 - (len(code[:begin]) - len(code[:begin].rstrip()))] in ";{}":
            add("line", begin, end, ";")
    rows(text, code, add)
    return sorted(out, key=lambda p: (p.start, p.new))


def rows(text, code, add):
    """Lists of rows `{"name", "help", ..}` or `{"name", .., "help"}`; each gets the next's."""
    before = None
    for m in re.finditer(r"^ +\{(?=\x01)", code, re.M):
        args = arguments(code, m.end() - 1)
        words = [a for a in args if code[a[0]] == "\x01"]
        made_of = [a for a in args if code[a[0]] != "\x01"]
        if len(words) < 2 or not made_of:
            continue
        row = made_of[0][0], args[-1][1], closing(code, m.end() - 1)
        if before and not code[before[2] + 1:m.end() - 1].strip(" \n,"):
            add("row", before[0], before[1], text[row[0]:row[1]])
        before = row
