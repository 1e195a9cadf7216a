//! DER as a tree of values: one that is changed inside is still well-formed around the change.

use crate::numbers::Numbers;

/// A value: its tag, and what is in it.
#[derive(Clone)]
struct Value {
    tag: u8,
    content: Content,
}

#[derive(Clone)]
enum Content {
    Bytes(Vec<u8>),
    Values(Vec<Value>),
}

/// Deeper than any certificate nests.
const DEPTH: usize = 24;

/// The values of some bytes; None where they are no DER.
fn parse(mut bytes: &[u8], depth: usize) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    while let [tag, first, rest @ ..] = bytes {
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |n, digit| n << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        // Extensions keep values in octet strings, keys in bit strings behind a zero.
        let inner = match tag {
            0x04 if depth > 0 => parse(content, depth - 1).filter(|values| !values.is_empty()),
            tag if tag & 0x20 != 0 && depth > 0 => parse(content, depth - 1),
            _ => None,
        };
        let content = inner.map_or_else(|| Content::Bytes(content.to_vec()), Content::Values);
        values.push(Value { tag: *tag, content });
        bytes = rest;
    }
    bytes.is_empty().then_some(values)
}

fn encode(values: &[Value], out: &mut Vec<u8>) {
    for value in values {
        let mut content = Vec::new();
        match &value.content {
            Content::Bytes(bytes) => content.extend_from_slice(bytes),
            Content::Values(values) => encode(values, &mut content),
        }
        out.push(value.tag);
        let length = u32::try_from(content.len()).expect("a small value").to_be_bytes();
        match content.len() {
            short @ 0..=0x7f => out.push(u8::try_from(short).expect("below")),
            0x80..=0xff => out.extend([0x81, length[3]]),
            0x100..=0xffff => out.extend([0x82, length[2], length[3]]),
            _ => out.extend([0x84, length[0], length[1], length[2], length[3]]),
        }
        out.append(&mut content);
    }
}

/// Lists of values in the tree.
fn lists(values: &[Value]) -> usize {
    1 + values
        .iter()
        .map(|value| if let Content::Values(inner) = &value.content { lists(inner) } else { 0 })
        .sum::<usize>()
}

/// The list of this number.
fn list<'a>(values: &'a mut Vec<Value>, number: &mut usize) -> Option<&'a mut Vec<Value>> {
    if *number == 0 {
        return Some(values);
    }
    *number -= 1;
    for value in values {
        if let Content::Values(inner) = &mut value.content {
            let inside = lists(inner);
            if *number < inside {
                return list(inner, number);
            }
            *number -= inside;
        }
    }
    None
}

/// Tags that certificates use, and some that they do not.
const TAGS: [u8; 20] = [
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1e, 0x1f, 0x30, 0x31, 0x80, 0x82,
    0x87, 0xa0, 0xa3,
];

/// Contents that readers have stumbled over: times that are none, numbers that are negative or long, names that are not text.
const CONTENTS: [&[u8]; 14] = [
    b"",
    b"\x00",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"991332256199Z",
    b"00000101000000Z",
    b"99991231235959Z",
    b"20260101000000+2400",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"\xd8\x00\xdc\x00\x00\x41",
    b"*.\x1b[2J\xe2\x80\xae.example",
    b"\x0a\x00\x00\x01\xff",
];

/// One change in the tree; false where the bytes are no DER.
pub(crate) fn change(der: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) -> bool {
    let Some(mut values) = parse(der, DEPTH) else { return false };
    let number = numbers.next(lists(&values));
    let Some(list) = list(&mut values, &mut number.clone()).filter(|list| !list.is_empty()) else {
        return false;
    };
    let at = numbers.next(list.len());
    match numbers.next(9) {
        0 => drop(list.remove(at)),
        1 => {
            let copies = 1 + numbers.few(3, 20, 300);
            let twice = list[at].clone();
            drop(list.splice(at..at, std::iter::repeat_n(twice, copies)));
        }
        2 => {
            let with = numbers.next(list.len());
            list.swap(at, with);
        }
        3 => list[at].tag = *numbers.one(&TAGS),
        4 => list[at].content = Content::Bytes(numbers.one(&CONTENTS).to_vec()),
        5 => {
            // A value of another certificate, from anywhere in it.
            if let Some(mut others) = parse(other, DEPTH) {
                let number = numbers.next(lists(&others));
                if let Some(from) =
                    self::list(&mut others, &mut number.clone()).filter(|from| !from.is_empty())
                {
                    list[at] = numbers.one(from).clone();
                }
            }
        }
        6 => {
            let wraps = if numbers.once_in(10) { 400 } else { 1 + numbers.next(4) };
            for _ in 0..wraps {
                list[at] = Value { tag: 0x30, content: Content::Values(vec![list[at].clone()]) };
            }
        }
        7 => {
            let length = numbers.few(300, 20, 60_000);
            list[at].content = Content::Bytes(vec![*numbers.one(&[0, b'a', 0xff]); length]);
        }
        _ => match &mut list[at].content {
            Content::Bytes(bytes) => crate::bytes::change(bytes, other, numbers),
            Content::Values(inner) => inner.reverse(),
        },
    }
    der.clear();
    encode(&values, der);
    true
}

/// Where a length stands in the bytes, a lie in its place.
pub(crate) fn lie(der: &mut Vec<u8>, numbers: &mut Numbers) {
    const LIES: [&[u8]; 9] = [
        b"\x00",
        b"\x80",
        b"\x7f",
        b"\x81\x00",
        b"\x82\xff\xff",
        b"\x84\x7f\xff\xff\xff",
        b"\x84\xff\xff\xff\xff",
        b"\x88\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xff",
    ];
    let tags: Vec<usize> = (0..der.len())
        .filter(|at| matches!(der[*at], 0x02 | 0x03 | 0x04 | 0x06 | 0x30 | 0x31 | 0xa0..0xa4))
        .collect();
    if let Some(at) = (!tags.is_empty()).then(|| *numbers.one(&tags) + 1).filter(|at| *at < der.len()) {
        drop(der.splice(at..=at, numbers.one(&LIES).iter().copied()));
    }
}
