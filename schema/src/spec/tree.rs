//! YAML text as a tree in which every key and value knows its place.
//!
//! Only the plain part of YAML is accepted: one document, no anchors, aliases or tags, bounded
//! nesting. So a small file stays a small tree.

use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::diagnostic::{ErrorCode, Problem};

/// Collections within collections that are accepted.
const DEEPEST: usize = 32;

const DOCUMENT: &str = "a second document";
const ALIAS: &str = "an alias";
const ANCHOR: &str = "an anchor";
const TAG: &str = "a tag";

/// A value with its place.
#[derive(Debug)]
pub(super) struct Node {
    /// Bytes of the text. For a block collection, where it starts.
    pub(super) range: Range<usize>,
    /// What stands there.
    pub(super) content: Content,
}

/// What stands at a place.
#[derive(Debug)]
pub(super) enum Content {
    /// A text, number, truth value or nothing.
    Scalar { text: String, style: Style },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with values, in the order of the file.
    Mapping(Vec<(Node, Node)>),
    /// Something refused, about which a problem is reported already.
    Refused,
}

/// Whether a scalar may stand for a number, a truth value or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Written without quotes.
    Plain,
    /// Quoted or a block: always a text.
    Text,
}

impl Node {
    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The key node and the value node of a key.
    pub(super) fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        let Content::Mapping(entries) = &self.content else {
            return None;
        };
        let mut found = entries.iter().filter(|(name, _)| name.text() == Some(key));
        found.next().map(|(name, value)| (name, value))
    }

    /// The keys of a mapping that are texts.
    pub(super) fn keys(&self) -> Vec<&str> {
        match &self.content {
            Content::Mapping(entries) => entries.iter().filter_map(|(key, _)| key.text()).collect(),
            _ => Vec::new(),
        }
    }

    /// The entries of a list, as far as they are scalars.
    pub(super) fn texts(&self) -> Vec<Option<&str>> {
        match &self.content {
            Content::Sequence(items) => items.iter().map(Node::text).collect(),
            _ => Vec::new(),
        }
    }

    /// One step of a pointer: the place to show and the value.
    fn step(&self, step: &str) -> Option<(Range<usize>, &Node)> {
        if let Content::Sequence(items) = &self.content {
            let item = items.get(step.parse::<usize>().ok()?)?;
            return Some((item.range.clone(), item));
        }
        self.entry(step).map(|(key, value)| (value.place(key), value))
    }

    /// The value at a pointer such as `/models/0/id`.
    pub(super) fn find(&self, pointer: &str) -> Option<&Node> {
        let steps = pointer.split('/').skip(1);
        steps.into_iter().try_fold(self, |node, step| node.step(step).map(|(_, value)| value))
    }

    /// The place of a pointer, or of its nearest ancestor: the value, or the key where there is
    /// no value on one line.
    pub(super) fn locate(&self, pointer: &str) -> Range<usize> {
        let (mut node, mut place) = (self, self.range.clone());
        for step in pointer.split('/').skip(1) {
            let Some((range, value)) = node.step(step) else {
                break;
            };
            (place, node) = (range, value);
        }
        place
    }

    /// Where a value is shown: itself if it is a scalar or in one line, else its key.
    pub(super) fn place(&self, key: &Node) -> Range<usize> {
        match self.content {
            Content::Scalar { .. } if self.range.is_empty() => key.range.clone(),
            Content::Scalar { .. } => self.range.clone(),
            _ => key.range.clone(),
        }
    }

    /// Calls `visit` with every key and value below this node.
    pub(super) fn visit_entries(&self, visit: &mut dyn FnMut(&Node, &Node)) {
        match &self.content {
            Content::Sequence(items) => items.iter().for_each(|item| item.visit_entries(visit)),
            Content::Mapping(entries) => {
                for (key, value) in entries {
                    visit(key, value);
                    value.visit_entries(visit);
                }
            }
            Content::Scalar { .. } | Content::Refused => {}
        }
    }
}

/// Reads a text. `None` where it is no YAML or has nothing in it; the problems say why.
pub(super) fn read(text: &str) -> (Option<Node>, Vec<Problem>) {
    let options = granit_parser::options! {
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder { text, parser, problems: Vec::new(), refused: Vec::new() };
    let root = match builder.document() {
        Ok(root) => root,
        Err(error) => {
            let problem = syntax_problem(text, &error);
            builder.problems.push(problem);
            None
        }
    };
    (root, builder.problems)
}

fn syntax_problem(text: &str, error: &ScanError) -> Problem {
    let marker = error.marker();
    let by_characters = || text.char_indices().nth(marker.index()).map(|(at, _)| at);
    let at = marker.byte_offset().or_else(by_characters).unwrap_or(text.len());
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        let message = "the values are nested too deeply";
        let problem = Problem::new(ErrorCode::UnsupportedYaml, at..at, message);
        return problem.expected(format!("at most {DEEPEST} levels"));
    }
    let reason = error.info();
    let help = match reason.as_str() {
        _ if tab_indents(text, at) => "indent with spaces: YAML does not accept tabs",
        reason if reason.contains("quoted") => "a quote that is not closed may stand further up",
        _ => "put texts with `: `, ` #`, `{`, `[`, `*`, `&` or `%` in quotes",
    };
    let message = format!("this is not YAML: {reason}");
    Problem::new(ErrorCode::Syntax, at..at, message).help(help)
}

/// Whether the line of this place begins with white space that has a tab in it.
fn tab_indents(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let mut indent = text[start..].chars().take_while(|c| matches!(c, ' ' | '\t'));
    indent.any(|c| c == '\t')
}

struct Builder<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    problems: Vec<Problem>,
    /// What was refused: each kind is reported once.
    refused: Vec<&'static str>,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, ScanError> {
        self.parser.next_event().transpose()
    }

    fn document(&mut self) -> Result<Option<Node>, ScanError> {
        let mut root = None;
        let mut documents = 0;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::DocumentStart(..) => documents += 1,
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                event if documents > 1 => {
                    self.refuse(&span, DOCUMENT, "one document in the file");
                    self.node(event, &span)?;
                    break;
                }
                event => root = Some(self.node(event, &span)?),
            }
        }
        Ok(root)
    }

    fn node(&mut self, event: Event<'a>, span: &Span) -> Result<Node, ScanError> {
        self.refuse_properties(&event, span);
        let mut range = self.range(span);
        let content = match event {
            Event::Scalar(text, style, ..) => Content::Scalar {
                text: text.into_owned(),
                style: if style == ScalarStyle::Plain { Style::Plain } else { Style::Text },
            },
            Event::SequenceStart(..) => Content::Sequence(self.sequence(&mut range)?),
            Event::MappingStart(..) => Content::Mapping(self.mapping(&mut range)?),
            _ => {
                self.refuse(span, ALIAS, "the value itself");
                Content::Refused
            }
        };
        Ok(Node { range, content })
    }

    fn sequence(&mut self, range: &mut Range<usize>) -> Result<Vec<Node>, ScanError> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                range.end = self.range(&span).end.max(range.end);
                break;
            }
            items.push(self.node(event, &span)?);
        }
        Ok(items)
    }

    fn mapping(&mut self, range: &mut Range<usize>) -> Result<Vec<(Node, Node)>, ScanError> {
        let mut entries = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                range.end = self.range(&span).end.max(range.end);
                break;
            }
            let key = self.node(event, &span)?;
            let Some((event, span)) = self.next()? else {
                break;
            };
            entries.push((key, self.node(event, &span)?));
        }
        Ok(entries)
    }

    /// Anchors and tags are refused; the node itself is read on.
    fn refuse_properties(&mut self, event: &Event<'_>, span: &Span) {
        if event.tag().is_some() {
            self.refuse(span, TAG, "the value without `!`");
        }
        if event.anchor_id().is_some_and(|id| id != 0) {
            self.refuse(span, ANCHOR, "the value without `&`");
        }
    }

    fn refuse(&mut self, span: &Span, what: &'static str, expected: &str) {
        if self.refused.contains(&what) {
            return;
        }
        self.refused.push(what);
        let message = format!("{what} is not accepted here");
        let problem = Problem::new(ErrorCode::UnsupportedYaml, self.range(span), message);
        let help = match what {
            TAG => "put a text that begins with `!` in quotes",
            DOCUMENT => "a project is one document: take `---` and what follows out",
            _ => "write every value where it is used, so that the file stays bounded",
        };
        self.problems.push(problem.expected(expected).help(help));
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or(self.text.len()..self.text.len());
        range.start..range.end.max(range.start)
    }
}
