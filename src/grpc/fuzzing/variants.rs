//! Variants of a message: each has one field that differs. They show that no field is forgotten.

use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};
use prost_types::{FieldDescriptorProto, field_descriptor_proto::Type};

use super::fields::Fields;

/// Makes other values of a field. It is given the field and its values on the wire, each with its key, and returns
/// what may stand in their place.
pub(in crate::grpc) type Alter = dyn Fn(&FieldDescriptorProto, &[&[u8]]) -> Vec<Vec<u8>>;

/// Every variant of a message by the path of the field that differs. A message within the message has variants,
/// too, unless it is one of several.
pub(in crate::grpc) fn variants(
    fields: &Fields,
    message: &[u8],
    alter: &Alter,
) -> Vec<(String, Vec<u8>)> {
    let parts = parts(message);
    let mut found = Vec::new();
    for field in fields.all() {
        let (own, others): (Vec<_>, Vec<_>) = parts
            .iter()
            .copied()
            .partition(|(number, _)| *number == field.number());
        let own: Vec<_> = own.into_iter().map(|(_, bytes)| bytes).collect();
        let others: Vec<_> = others.into_iter().map(|(_, bytes)| bytes).collect();
        let others = others.concat();
        for value in alter(field, &own) {
            let variant = [others.clone(), value].concat();
            found.push((field.name().to_owned(), variant));
        }
        if let (Some(inner), [own]) = (Fields::of_field(field), own.as_slice()) {
            for (path, variant) in variants(&inner, content(own), alter) {
                let mut variant = self::value(field, &variant);
                variant.splice(0..0, others.iter().copied());
                found.push((format!("{}.{path}", field.name()), variant));
            }
        }
    }
    found
}

/// A value of a field on the wire, if it is a text, bytes or a message.
pub(in crate::grpc) fn value(field: &FieldDescriptorProto, content: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    let number = field.number().cast_unsigned();
    encode_key(number, WireType::LengthDelimited, &mut value);
    encode_varint(content.len() as u64, &mut value);
    value.extend(content);
    value
}

/// A value of a field on the wire, if it is a number.
pub(in crate::grpc) fn number(field: &FieldDescriptorProto, number: u64) -> Vec<u8> {
    let mut value = Vec::new();
    encode_key(field.number().cast_unsigned(), WireType::Varint, &mut value);
    encode_varint(number, &mut value);
    value
}

/// The content of a value on the wire, without its key and its length.
pub(in crate::grpc) fn content(mut value: &[u8]) -> &[u8] {
    decode_key(&mut value).expect("a value begins with its key");
    decode_varint(&mut value).expect("its length follows");
    value
}

/// Whether the field is a text or bytes.
pub(in crate::grpc) fn is_text(field: &FieldDescriptorProto) -> bool {
    matches!(field.r#type(), Type::String | Type::Bytes)
}

/// The values of a message, each with the number of its field.
fn parts(message: &[u8]) -> Vec<(i32, &[u8])> {
    let mut rest = message;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let before = rest;
        let (number, wire_type) = decode_key(&mut rest).expect("a key");
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).expect("a value");
        let value = &before[..before.len() - rest.len()];
        parts.push((number.cast_signed(), value));
    }
    parts
}
