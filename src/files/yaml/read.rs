//! YAML events to values: anchors, merge keys, duplicate keys and limits (contract.md 7, 17.2).

use std::collections::{HashMap, HashSet};

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, Span, StrInput};

use super::scalar::{self, Tag};
use super::{ALIAS_BYTES_MAX, DEPTH_MAX, Position, YamlError, decode};
use crate::contract::{Node, Object};

const STANDARD_TAGS: &str = "tag:yaml.org,2002:";

/// Reads the first document; what follows is not looked at. No document, or an empty one, is [`Node::Null`].
pub fn parse(bytes: &[u8]) -> Result<Node, YamlError> {
    let text = decode::text(bytes)?;
    Ok(Documents::new(&text).next_document()?.unwrap_or(Node::Null))
}

/// Reads a stream of Kubernetes objects; empty documents are left out.
pub fn parse_objects(bytes: &[u8]) -> Result<Vec<Object>, YamlError> {
    let text = decode::text(bytes)?;
    let mut documents = Documents::new(&text);
    let mut objects = Vec::new();
    let mut number = 0_usize;
    while let Some(node) = documents.next_document()? {
        number = number.saturating_add(1);
        let found = node.describe();
        match node {
            Node::Null => {}
            Node::Map(_) => {
                let value = node.into_json().ok_or(YamlError::NotJson { number })?;
                objects.extend(Object::from_value(value));
            }
            _ => return Err(YamlError::NotAnObject { number, found }),
        }
    }
    Ok(objects)
}

/// The documents of a text, one after the other.
struct Documents<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
}

impl<'a> Documents<'a> {
    fn new(text: &'a str) -> Self {
        // The parser's own limits stand above ours, so that ours says what is wrong; they bound its memory.
        let mut options: Options = granit_parser::options! {
            emit_unresolved_aliases: true,
            flow_nesting_limit: DEPTH_MAX.saturating_add(1),
            block_nesting_limit: DEPTH_MAX.saturating_add(1),
        };
        options.set_emit_comments(false);
        Self { text, parser: Parser::new_from_str_with_options(text, options) }
    }

    /// Returns the next document, `None` after the last.
    fn next_document(&mut self) -> Result<Option<Node>, YamlError> {
        let mut builder = Builder::default();
        while let Some(next) = self.parser.next_event() {
            let (event, span) = next.map_err(|error| syntax(&error))?;
            match event {
                Event::StreamEnd => return Ok(None),
                Event::DocumentEnd => return Ok(Some(builder.root.unwrap_or(Node::Null))),
                event => builder.take(self.text, event, &span)?,
            }
        }
        Ok(None)
    }
}

/// A list or map that is not closed yet.
struct Open {
    items: Items,
    anchor: usize,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<(String, Node)>, key: Option<Key> },
}

/// A key that waits for its value.
enum Key {
    Text(String),
    Merge,
}

/// What an alias stands for, with what it costs to repeat it.
struct Anchored {
    node: Node,
    depth: usize,
    bytes: usize,
}

/// Builds one document. The stack is explicit: no input can use up the thread's.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    alias_bytes: usize,
    root: Option<Node>,
}

impl Builder {
    fn take(&mut self, text: &str, event: Event<'_>, span: &Span) -> Result<(), YamlError> {
        let at = position(span);
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                refuse_slash_escape(text, &value, style, span)?;
                let plain = style == ScalarStyle::Plain;
                let value = without_added_break(text, &value, style, span);
                self.scalar(value, plain, anchor, tag.as_deref(), at)
            }
            Event::SequenceStart(_, anchor, _) => self.open(Items::List(Vec::new()), anchor, at),
            Event::MappingStart(_, anchor, _) => {
                self.open(Items::Map { entries: Vec::new(), key: None }, anchor, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(at),
            Event::Alias(id) => self.alias(id, at),
            Event::UnresolvedAlias(name) => {
                let problem = format!("unknown anchor `{name}`");
                Err(YamlError::Syntax { at, problem })
            }
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        value: &str,
        plain: bool,
        anchor: usize,
        tag: Option<&granit_parser::Tag>,
        at: Position,
    ) -> Result<(), YamlError> {
        let name = tag.and_then(|tag| tag.suffix_in_namespace(STANDARD_TAGS));
        let known = match (tag, &name) {
            (None, _) => Tag::Absent,
            (Some(_), Some(name)) => Tag::standard(name),
            (Some(_), None) => Tag::Text,
        };
        if self.awaits_key() && is_merge(value, plain, known, name.as_deref()) {
            return self.set_key(Key::Merge);
        }
        let node = scalar::resolve(value, plain, known).map_err(|tag| {
            let start = value.chars().take(40).collect();
            YamlError::Tag { at, tag, text: start }
        })?;
        self.remember(anchor, &node, at)?;
        if self.awaits_key() {
            let key = if known == Tag::Absent && plain { plain_key(value, &node) } else { None };
            let key = match key {
                Some(key) => key,
                None => key_text(node, at)?,
            };
            return self.set_key(Key::Text(key));
        }
        self.place(node, at)
    }

    fn open(&mut self, items: Items, anchor: usize, at: Position) -> Result<(), YamlError> {
        if self.awaits_key() {
            let found = match items {
                Items::List(_) => "a list",
                Items::Map { .. } => "a map",
            };
            return Err(YamlError::Key { at, found });
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(YamlError::TooDeep { at });
        }
        self.open.push(Open { items, anchor });
        Ok(())
    }

    fn close(&mut self, at: Position) -> Result<(), YamlError> {
        let Some(Open { items, anchor }) = self.open.pop() else { return Ok(()) };
        let node = match items {
            Items::List(items) => Node::List(items),
            Items::Map { entries, .. } => Node::Map(last_of_each_key(entries)),
        };
        self.remember(anchor, &node, at)?;
        self.place(node, at)
    }

    fn alias(&mut self, id: usize, at: Position) -> Result<(), YamlError> {
        let anchored = self.anchors.get(&id).ok_or(YamlError::AliasOfItself { at })?;
        if self.open.len().saturating_add(anchored.depth) > DEPTH_MAX {
            return Err(YamlError::TooDeep { at });
        }
        let bytes = anchored.bytes;
        self.spend(bytes, at)?;
        // Looked up again: spending needs all of `self`.
        let node = self.anchors.get(&id).map_or(Node::Null, |anchored| anchored.node.clone());
        if self.awaits_key() {
            let key = key_text(node, at)?;
            return self.set_key(Key::Text(key));
        }
        self.place(node, at)
    }

    /// Keeps a copy of an anchored value.
    fn remember(&mut self, anchor: usize, node: &Node, at: Position) -> Result<(), YamlError> {
        // The parser counts from 1; 0 is no anchor.
        if anchor == 0 {
            return Ok(());
        }
        let (depth, bytes) = measure(node);
        self.spend(bytes, at)?;
        self.anchors.insert(anchor, Anchored { node: node.clone(), depth, bytes });
        Ok(())
    }

    fn spend(&mut self, bytes: usize, at: Position) -> Result<(), YamlError> {
        self.alias_bytes = self.alias_bytes.saturating_add(bytes);
        if self.alias_bytes > ALIAS_BYTES_MAX {
            return Err(YamlError::TooManyAliases { at });
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { items: Items::Map { key: None, .. }, .. }))
    }

    fn set_key(&mut self, new: Key) -> Result<(), YamlError> {
        if let Some(Open { items: Items::Map { key, .. }, .. }) = self.open.last_mut() {
            *key = Some(new);
        }
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, node: Node, at: Position) -> Result<(), YamlError> {
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(items)) => items.push(node),
            Some(Items::Map { entries, key }) => match key.take() {
                Some(Key::Text(key)) => entries.push((key, node)),
                Some(Key::Merge) => merge(entries, node, at)?,
                None => return Err(YamlError::Key { at, found: node.describe() }),
            },
        }
        Ok(())
    }
}

/// Adds the entries of a map, or of a list of maps of which the first wins.
///
/// They count as if written here: a key written before the merge key loses (contract.md 17, seen).
fn merge(entries: &mut Vec<(String, Node)>, node: Node, at: Position) -> Result<(), YamlError> {
    let maps = match node {
        Node::List(items) => items,
        other => vec![other],
    };
    for map in maps.into_iter().rev() {
        match map {
            Node::Map(more) => entries.extend(more),
            other => return Err(YamlError::Merge { at, found: other.describe() }),
        }
    }
    Ok(())
}

fn is_merge(text: &str, plain: bool, tag: Tag, name: Option<&str>) -> bool {
    text == "<<" && (plain && tag == Tag::Absent || name == Some("merge"))
}

/// Returns the key of a plain scalar that YAML 1.1 takes for a boolean and people do not: `y`, `no`, `On`.
fn plain_key(text: &str, node: &Node) -> Option<String> {
    let is_word = matches!(node, Node::Bool(_))
        && !text.eq_ignore_ascii_case("true")
        && !text.eq_ignore_ascii_case("false");
    is_word.then(|| text.to_owned())
}

fn key_text(node: Node, at: Position) -> Result<String, YamlError> {
    let found = node.describe();
    match node {
        Node::Text(text) => Ok(text),
        Node::Float(value) if value.is_nan() => Ok(".nan".to_owned()),
        Node::Float(f64::INFINITY) => Ok(".inf".to_owned()),
        Node::Float(f64::NEG_INFINITY) => Ok("-.inf".to_owned()),
        Node::Null => Err(YamlError::Key { at, found }),
        other => other.text().ok_or(YamlError::Key { at, found }),
    }
}

/// Leaves the last entry of each key, in the place of that last one.
fn last_of_each_key(mut entries: Vec<(String, Node)>) -> Vec<(String, Node)> {
    let keep: Vec<bool> = {
        let mut seen = HashSet::with_capacity(entries.len());
        let mut keep: Vec<bool> =
            entries.iter().rev().map(|(key, _)| seen.insert(key.as_str())).collect();
        keep.reverse();
        keep
    };
    if keep.iter().all(|keep| *keep) {
        return entries;
    }
    let mut keep = keep.into_iter();
    entries.retain(|_| keep.next().unwrap_or(true));
    entries
}

/// Returns how deep a value is, and about how many bytes it takes.
fn measure(node: &Node) -> (usize, usize) {
    let own = size_of::<Node>();
    let add = |(depth, bytes): (usize, usize), (d, b): (usize, usize)| {
        (depth.max(d), bytes.saturating_add(b))
    };
    match node {
        Node::Text(text) | Node::BigInt(text) => (0, own.saturating_add(text.len())),
        Node::List(items) => {
            let (depth, bytes) = items.iter().map(measure).fold((0, own), add);
            (depth.saturating_add(1), bytes)
        }
        Node::Map(entries) => {
            let of = |(key, value): &(String, Node)| {
                let (depth, bytes) = measure(value);
                (depth, bytes.saturating_add(size_of::<String>()).saturating_add(key.len()))
            };
            let (depth, bytes) = entries.iter().map(of).fold((0, own), add);
            (depth.saturating_add(1), bytes)
        }
        Node::Null | Node::Bool(_) | Node::Int(_) | Node::Uint(_) | Node::Float(_) => (0, own),
    }
}

/// Takes away the line break that the parser adds to a block scalar at the very end of a file without one.
fn without_added_break<'a>(text: &str, value: &'a str, style: ScalarStyle, span: &Span) -> &'a str {
    let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
    let at_end = span.end.byte_offset().is_some_and(|end| end >= text.len());
    if is_block && at_end && !text.ends_with(['\n', '\r']) {
        return value.strip_suffix('\n').unwrap_or(value);
    }
    value
}

/// Refuses `\/`, which JSON and YAML 1.2 know and Kratix's parser does not (contract.md 17.2, 7.1).
fn refuse_slash_escape(
    text: &str,
    value: &str,
    style: ScalarStyle,
    span: &Span,
) -> Result<(), YamlError> {
    if style != ScalarStyle::DoubleQuoted || !value.contains('/') {
        return Ok(());
    }
    let mut escaped = false;
    for c in span.slice(text).unwrap_or_default().chars() {
        if escaped && c == '/' {
            let problem = "unknown escape `\\/`; write `/`".to_owned();
            return Err(YamlError::Syntax { at: position(span), problem });
        }
        escaped = c == '\\' && !escaped;
    }
    Ok(())
}

fn position(span: &Span) -> Position {
    Position { line: span.start.line(), column: span.start.col().saturating_add(1) }
}

fn syntax(error: &granit_parser::ScanError) -> YamlError {
    let marker = error.marker();
    let at = Position { line: marker.line(), column: marker.col().saturating_add(1) };
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => YamlError::TooDeep { at },
        _ => YamlError::Syntax { at, problem: error.info() },
    }
}
