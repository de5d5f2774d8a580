//! Messages that are nearly right: their bytes altered anywhere, or their fields altered one by one,
//! so that what comes out is still a message and reaches further in.

use prost::encoding::{decode_varint, encode_varint};

use crate::support::dice::Dice;

/// Texts that somebody may have forgotten to think of.
const TEXTS: [&str; 24] = [
    "",
    " ",
    "alice",
    "bob",
    "carol",
    "friends",
    "work",
    "home",
    "\n",
    "\0",
    "a\u{7f}",
    "\u{a0}a",
    "\u{feff}",
    "\u{200b}",
    "\u{202e}abc",
    "é",
    "朋友😀",
    "%s%n%x",
    "'; DROP TABLE members; --",
    "{\"a\": [1, null]}",
    "0",
    "-1",
    "9223372036854775808",
    "18446744073709551616",
];

const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    7,
    50,
    500,
    501,
    i32::MAX as u64,
    1 << 31,
    1 << 32,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

/// The most times that a field is repeated: more than any list may have.
const MOST_REPEATED: u64 = 120;
/// The most bytes of a field that is repeated, or messages would grow without end.
const LONGEST_REPEATED: usize = 64;
/// The most bytes of a text. No ID may have so many.
const LONGEST_TEXT: u64 = 200;

/// A field of a message as it stands on the wire.
#[derive(Clone)]
pub(super) struct Field {
    number: u64,
    pub(super) value: Value,
}

#[derive(Clone)]
pub(super) enum Value {
    Number(u64),
    Fixed([u8; 8]),
    Bytes(Vec<u8>),
    Short([u8; 4]),
}

/// The fields of a message; `None` for bytes that are none.
pub(super) fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = decode_varint(&mut bytes).ok()?;
        let value = match key & 7 {
            0 => Value::Number(decode_varint(&mut bytes).ok()?),
            1 => Value::Fixed(take(&mut bytes, 8)?.try_into().ok()?),
            2 => {
                let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
                Value::Bytes(take(&mut bytes, length)?.to_vec())
            }
            5 => Value::Short(take(&mut bytes, 4)?.try_into().ok()?),
            _ => return None,
        };
        fields.push(Field {
            number: key >> 3,
            value,
        });
    }
    Some(fields)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

/// The message with these fields.
pub(super) fn message(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Field { number, value } in fields {
        let key = |kind: u64, bytes: &mut Vec<u8>| encode_varint(number << 3 | kind, bytes);
        match value {
            Value::Number(number) => {
                key(0, &mut bytes);
                encode_varint(*number, &mut bytes);
            }
            Value::Fixed(fixed) => {
                key(1, &mut bytes);
                bytes.extend(fixed);
            }
            Value::Bytes(content) => {
                key(2, &mut bytes);
                encode_varint(content.len() as u64, &mut bytes);
                bytes.extend(content);
            }
            Value::Short(short) => {
                key(5, &mut bytes);
                bytes.extend(short);
            }
        }
    }
    bytes
}

/// A message with some of its fields altered, dropped, repeated or moved. `known` are texts that were
/// seen in answers.
pub(super) fn with_other_fields(dice: &mut Dice, bytes: &[u8], known: &[String]) -> Vec<u8> {
    let Some(mut fields) = fields(bytes) else {
        return with_other_bytes(dice, bytes);
    };
    for _ in 0..=dice.below(3) {
        alter(dice, &mut fields, known);
    }
    message(&fields)
}

fn alter(dice: &mut Dice, fields: &mut Vec<Field>, known: &[String]) {
    if fields.is_empty() || dice.once_in(8) {
        fields.push(made_up(dice, known));
        return;
    }
    let place = index(dice, fields.len());
    match dice.below(10) {
        0 | 1 => {
            fields.remove(place);
        }
        2 => {
            let other = index(dice, fields.len());
            fields.swap(place, other);
        }
        3 => fields[place].number = 1 + dice.below(9),
        4 => {
            let mut field = fields[place].clone();
            for _ in 0..dice.below(MOST_REPEATED) {
                if matches!(&field.value, Value::Bytes(bytes) if bytes.len() > LONGEST_REPEATED) {
                    break;
                }
                if dice.once_in(2) {
                    alter_value(dice, &mut field.value, known);
                }
                fields.insert(place, field.clone());
            }
        }
        _ => alter_value(dice, &mut fields[place].value, known),
    }
}

fn made_up(dice: &mut Dice, known: &[String]) -> Field {
    let value = if dice.once_in(2) {
        Value::Number(*dice.one_of(&NUMBERS))
    } else {
        Value::Bytes(text(dice, known))
    };
    Field {
        number: 1 + dice.below(9),
        value,
    }
}

fn alter_value(dice: &mut Dice, value: &mut Value, known: &[String]) {
    match value {
        Value::Number(number) => *number = *dice.one_of(&NUMBERS),
        Value::Fixed(fixed) => fixed[index(dice, 8)] = byte(dice),
        Value::Short(short) => short[index(dice, 4)] = byte(dice),
        Value::Bytes(bytes) => {
            *bytes = match (fields(bytes), dice.below(4)) {
                (Some(mut inner), 1..) => {
                    alter(dice, &mut inner, known);
                    message(&inner)
                }
                (_, 0 | 1) => with_other_bytes(dice, bytes),
                _ => text(dice, known),
            };
        }
    }
}

fn text(dice: &mut Dice, known: &[String]) -> Vec<u8> {
    match dice.below(8) {
        0 => {
            let length = usize::try_from(dice.below(LONGEST_TEXT)).expect("it is short");
            "x".repeat(length).into_bytes()
        }
        1..=3 if !known.is_empty() => dice.one_of(known).clone().into_bytes(),
        _ => dice.one_of(&TEXTS).as_bytes().to_vec(),
    }
}

/// Bytes with some of them altered, taken out or put in, or without their end.
pub(super) fn with_other_bytes(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        if bytes.is_empty() || dice.once_in(8) {
            let place = index(dice, bytes.len() + 1);
            bytes.insert(place, byte(dice));
            continue;
        }
        let place = index(dice, bytes.len());
        match dice.below(8) {
            0 => bytes.truncate(place),
            1 => {
                bytes.remove(place);
            }
            2 => bytes[place] = byte(dice),
            3 => {
                let part = bytes[place..].to_vec();
                bytes.extend(part);
            }
            _ => bytes[place] ^= 1 << dice.below(8),
        }
    }
    bytes
}

/// So many bytes at most.
pub(super) fn any_bytes(dice: &mut Dice, most: u64) -> Vec<u8> {
    (0..dice.below(most + 1)).map(|_| byte(dice)).collect()
}

pub(super) fn byte(dice: &mut Dice) -> u8 {
    u8::try_from(dice.below(256)).expect("it is below 256")
}

fn index(dice: &mut Dice, length: usize) -> usize {
    usize::try_from(dice.below(length as u64)).expect("it is below a length")
}

#[test]
fn a_message_comes_back_from_its_fields() {
    let original = b"\x08\x96\x01\x12\x03abc\x19\0\0\0\0\0\0\0\x01\x25\0\0\0\x07\x12\x00";
    let fields = fields(original).expect("a message");
    assert_eq!(message(&fields), original);
}
