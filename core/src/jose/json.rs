//! Strict JSON objects over `serde_json`: no member twice at any depth, bounded depth and member count, nothing after
//! the end, and a wrong type is never taken for absence.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Malformation;

/// The deepest nesting taken, counting the outermost object.
const MAX_DEPTH: usize = 32;
/// The most members, in all objects of a text together.
pub(crate) const MAX_MEMBERS: usize = 256;

/// An object whose whole text has been checked; its values are still text.
pub(crate) struct Object<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// A member is there with a type that it must not have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongType;

impl<'a> Object<'a> {
    /// Takes the text of one object, with at most `max_members` members at all depths together.
    pub(crate) fn parse(text: &'a [u8], max_members: usize) -> Result<Self, Malformation> {
        let text = std::str::from_utf8(text).map_err(|_| Malformation::Utf8)?;
        members(text, max_members, true).map(|members| Self { members })
    }

    /// The raw text of a member.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.members.iter().find(|(member, _)| member == name).map(|(_, value)| value.get())
    }

    /// A string, borrowed where it has no escapes.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, WrongType> {
        self.raw(name).map(string).transpose()
    }

    /// An array of strings, borrowed where they have no escapes.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<Cow<'a, str>>>, WrongType> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let mut deserializer = serde_json::Deserializer::from_str(raw);
        deserializer.deserialize_seq(Texts).map(Some).map_err(|_| WrongType)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// A member of type `T`; `null` is a wrong type.
    pub(crate) fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, WrongType> {
        match self.raw(name) {
            None => Ok(None),
            Some("null") => Err(WrongType),
            Some(text) => serde_json::from_str(text).map(Some).map_err(|_| WrongType),
        }
    }

    /// The same, where `null` is as good as absence (metadata documents are written so).
    pub(crate) fn get_or_null<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, WrongType> {
        if self.raw(name) == Some("null") { Ok(None) } else { self.get(name) }
    }

    /// Whether an `f64` can hold the numbers among the members themselves, which parsing leaves to whoever knows their range.
    pub(crate) fn has_finite_numbers(&self) -> bool {
        self.members.iter().all(|(_, value)| is_finite(value.get()))
    }

    #[cfg(test)]
    fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.members.iter().map(|(name, value)| (name.as_ref(), value.get()))
    }
}

/// Not a number, or one that an `f64` can hold, if not exactly.
fn is_finite(text: &str) -> bool {
    let number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let plain = || text.len() < 300 && !text.contains(['e', 'E']);
    !number || plain() || serde_json::from_str::<f64>(text).is_ok()
}

/// The string that this checked text is.
fn string(text: &str) -> Result<Cow<'_, str>, WrongType> {
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or(WrongType)?;
    if inside.contains('\\') {
        return serde_json::from_str(text).map(Cow::Owned).map_err(|_| WrongType);
    }
    Ok(Cow::Borrowed(inside))
}

/// The outermost members alone, none twice; the values' insides are not looked at.
pub(crate) fn outer_members(text: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>, Malformation> {
    members(text, MAX_MEMBERS, false)
}

fn members(text: &str, max: usize, values: bool) -> Result<Vec<(Cow<'_, str>, &RawValue)>, Malformation> {
    if is_too_deep(text) {
        return Err(Malformation::TooDeep);
    }
    if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
        return Err(not_an_object(text));
    }
    let budget = Budget { members: Cell::new(max), reason: Cell::new(None), names: RefCell::default() };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    TopLevel { budget: &budget, values }
        .deserialize(&mut deserializer)
        .and_then(|members| deserializer.end().map(|()| members))
        .map_err(|error| budget.explain(&error))
}

fn not_an_object(text: &str) -> Malformation {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(IgnoredAny) => Malformation::NotAnObject,
        Err(error) => Malformation::Json { column: error.column() },
    }
}

/// Brackets open deeper than is taken. Up to where the text stops being JSON, strings are told apart as a parser does.
fn is_too_deep(text: &str) -> bool {
    if opening_brackets(text) <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth = depth.saturating_add(1),
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Of both kinds, in strings too. They differ in one bit, and no chunk overflows its sum: so the compiler counts many bytes
/// at once.
fn opening_brackets(text: &str) -> usize {
    let chunks = text.as_bytes().chunks(255);
    chunks.map(|chunk| usize::from(chunk.iter().map(|byte| u8::from(byte | 0x20 == b'{')).sum::<u8>())).sum()
}

/// What may still be read, and why reading stopped.
struct Budget<'de> {
    members: Cell<usize>,
    reason: Cell<Option<Malformation>>,
    /// The names so far in each object that is being read, those of the innermost last.
    names: RefCell<Vec<Cow<'de, str>>>,
}

impl<'de> Budget<'de> {
    fn refuse<E: serde::de::Error>(&self, reason: Malformation) -> E {
        self.reason.set(Some(reason));
        E::custom("refused")
    }

    fn take_member<E: serde::de::Error>(&self) -> Result<(), E> {
        let left = self.members.get().checked_sub(1);
        self.members.set(left.ok_or_else(|| self.refuse(Malformation::TooManyMembers))?);
        Ok(())
    }

    /// The object ends whose first name was the one after the first `outer`.
    fn no_duplicates<E: serde::de::Error>(&self, outer: usize) -> Result<(), E> {
        let mut names = self.names.borrow_mut();
        let own = names.get_mut(outer..).unwrap_or_default();
        own.sort_unstable();
        let twice = own.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
        names.truncate(outer);
        if twice { Err(self.refuse(Malformation::DuplicateMember)) } else { Ok(()) }
    }

    fn explain(&self, error: &serde_json::Error) -> Malformation {
        self.reason.get().unwrap_or(Malformation::Json { column: error.column() })
    }
}

/// Reads the outermost object, keeping each value's text, and checks the values too if told so.
struct TopLevel<'b, 'de> {
    budget: &'b Budget<'de>,
    values: bool,
}

impl<'de> DeserializeSeed<'de> for TopLevel<'_, 'de> {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TopLevel<'_, 'de> {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(FEW);
        while let Some(name) = map.next_key_seed(Name)? {
            self.budget.take_member()?;
            let value: &'de RawValue = map.next_value()?;
            if self.values {
                check(value.get(), self.budget)?;
            }
            members.push((name, value));
        }
        if members.len() > FEW || has_duplicates(&members) {
            self.budget.names.borrow_mut().extend(members.iter().map(|(name, _)| name.clone()));
            self.budget.no_duplicates(0)?;
        }
        Ok(members)
    }
}

/// As many members as are compared each with each, rather than copied and sorted.
const FEW: usize = 24;

fn has_duplicates<T>(members: &[(Cow<'_, str>, T)]) -> bool {
    let mut rest = members;
    while let [(name, _), others @ ..] = rest {
        if others.iter().any(|(other, _)| other == name) {
            return true;
        }
        rest = others;
    }
    false
}

/// Checks the text of a top-level member, as far as finding its end did not. A plain number is left to whoever reads it,
/// who knows its range.
fn check<'de, E: serde::de::Error>(text: &'de str, budget: &Budget<'de>) -> Result<(), E> {
    let nested = text.starts_with(['{', '[']);
    if !nested && !text.contains('\\') {
        return Ok(());
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Nested { budget }.deserialize(&mut deserializer).map_err(E::custom)
}

/// Reads any value, keeping nothing of it.
#[derive(Clone, Copy)]
struct Nested<'b, 'de> {
    budget: &'b Budget<'de>,
}

impl<'de> DeserializeSeed<'de> for Nested<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let outer = self.budget.names.borrow().len();
        while let Some(name) = map.next_key_seed(Name)? {
            self.budget.take_member()?;
            map.next_value_seed(self)?;
            self.budget.names.borrow_mut().push(name);
        }
        self.budget.no_duplicates(outer)
    }
}

/// Reads an array of strings.
struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = Vec<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element_seed(Text)? {
            texts.push(text);
        }
        Ok(texts)
    }
}

/// A string, unescaped; borrowed where it had no escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A member's name: a string, but none of those with a meaning of their own.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let name = Text.deserialize(deserializer)?;
        not_magic(&name).map(|()| name)
    }
}

/// Names by which `serde_json` talks to itself: a value under one would be read as JSON once more, unchecked.
fn not_magic<E: serde::de::Error>(name: &str) -> Result<(), E> {
    if name.starts_with("$serde_json::private::") { Err(E::custom("reserved name")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<usize, Malformation> {
        Object::parse(text.as_bytes(), MAX_MEMBERS).map(|object| object.members.len())
    }

    fn nested(levels: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn an_object_is_read_with_its_values_as_text() {
        let object = Object::parse(br#" {"a": 1e400, "b" : [ 1 , {} ], "c":null} "#, 9).unwrap();
        assert_eq!(object.raw("a"), Some("1e400"));
        assert_eq!(object.raw("b"), Some("[ 1 , {} ]"));
        assert_eq!(object.get::<u8>("c"), Err(WrongType));
        assert_eq!(object.get_or_null::<u8>("c"), Ok(None));
        assert_eq!(object.get::<u8>("d"), Ok(None));
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_at_any_depth_and_after_unescaping() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"exp":1,"e\u0078p":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[[{"a":1,"\u0061":2}]]}"#,
        ] {
            assert_eq!(parse(text), Err(Malformation::DuplicateMember), "{text}");
        }
    }

    #[test]
    fn depth_and_members_are_bounded_and_the_limits_are_inclusive() {
        assert_eq!(parse(&nested(32)), Ok(1));
        assert_eq!(parse(&nested(33)), Err(Malformation::TooDeep));
        assert_eq!(parse(&nested(100_000)), Err(Malformation::TooDeep));
        let many = |count: usize| {
            let members: Vec<_> = (0..count).map(|number| format!(r#""{number}":{{}}"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(parse(&many(256)), Ok(256));
        assert_eq!(parse(&many(257)), Err(Malformation::TooManyMembers));
    }

    proptest! {
        /// What is left unread while a text is checked holds no surprise for who reads it later; but for numbers, which
        /// have a check of their own.
        #[test]
        fn what_is_taken_is_json_for_any_reader(
            members in prop::collection::vec(
                (r#"[ab]{1,2}|\\u0041|\\"|\\ud800|é"#, r#"[ab\\"\[\]{}:,u0-9d\t -]{0,12}|"[ab\\/nu0d8]{0,9}"|true|null|\[1,\{"a":1\}\]"#),
                0..4,
            ),
        ) {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            let text = format!("{{{}}}", members.join(","));
            let taken = Object::parse(text.as_bytes(), MAX_MEMBERS);
            let read = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
            match taken {
                Ok(object) => {
                    let read = read.unwrap();
                    prop_assert_eq!(object.iter().count(), read.len());
                    for (name, value) in &read {
                        let read = object.text(name).ok().flatten();
                        prop_assert_eq!(read.as_deref(), value.as_str());
                    }
                }
                // Found before the end, if it is inside of a value.
                Err(Malformation::DuplicateMember) => {}
                Err(_) => prop_assert!(read.is_err(), "{}", text),
            }
        }
    }

    #[test]
    fn what_is_not_one_json_object_is_refused() {
        for text in ["", "{", "{}x", "{}{}", "\u{feff}{}", "{'a':1}", r#"{"a":1,}"#, r#"{"a":01}"#] {
            assert!(matches!(parse(text), Err(Malformation::Json { .. })), "{text}");
        }
        for text in [r#"{"a":NaN}"#, r#"{"a":"\ud800"}"#, r#"{"a":["\ud800"]}"#, r#"{"\udc00":1}"#, "{/**/}"]
        {
            assert!(matches!(parse(text), Err(Malformation::Json { .. })), "{text}");
        }
        let magic = r#"{"x":{"$serde_json::private::RawValue":"{\"a\":1,\"a\":2}"}}"#;
        for text in [magic, &magic.replace('$', r"\u0024"), r#"{"$serde_json::private::Number":"1"}"#] {
            assert!(matches!(parse(text), Err(Malformation::Json { .. })), "{text}");
        }
        for text in ["[]", "1", "null", r#""{}""#, "true"] {
            assert_eq!(parse(text), Err(Malformation::NotAnObject), "{text}");
        }
        assert_eq!(Object::parse(b"{\"a\":\"\xff\"}", 9).err(), Some(Malformation::Utf8));
    }
}
