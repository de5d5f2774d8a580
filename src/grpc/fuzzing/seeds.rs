//! The seeds of the fuzzer: a valid request of every method, with every field set, requests that are
//! refused, and texts of each kind. They stand in `fuzz/seeds`, and are written again with
//! `cargo test --lib seeds -- --ignored`.

mod requests;
mod texts;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use prost_types::field_descriptor_proto::Type;

use super::{
    METHODS,
    fields::{self, Fields},
    request, text,
    texts::KINDS,
    variants::{is_text, number, value, variants},
};

pub(in crate::grpc) use requests::valid;

/// The file of each seed, without the first byte, which chooses.
type Seeds = BTreeMap<String, Vec<u8>>;

fn directory(target: &str) -> PathBuf {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    fuzz.join("seeds").join(target)
}

/// All seeds of a target, by their file's name.
fn seeds(target: &str) -> Seeds {
    match target {
        "requests" => requests::valid()
            .into_iter()
            .chain(requests::refused())
            .map(|(method, kind, message)| {
                let place = METHODS.iter().position(|(name, _)| *name == method);
                let place = place.expect("it is a method");
                let mut seed = vec![u8::try_from(place).expect("there are few methods")];
                seed.extend(message);
                (format!("{method}{kind}"), seed)
            })
            .collect(),
        _ => texts::all()
            .into_iter()
            .map(|(name, kind, text)| {
                let mut seed = vec![kind];
                seed.extend(text);
                (name.to_owned(), seed)
            })
            .collect(),
    }
}

#[test]
#[ignore = "writes the seeds"]
fn writing_the_seeds() {
    for target in ["requests", "texts"] {
        let directory = directory(target);
        // They need not be there yet.
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).expect("the directory can be written");
        for (name, seed) in seeds(target) {
            fs::write(directory.join(name), seed).expect("the file can be written");
        }
    }
}

#[test]
fn the_seeds_are_those_that_are_made_here() {
    for target in ["requests", "texts"] {
        let mut found = Seeds::new();
        for file in fs::read_dir(directory(target)).expect("the seeds are there") {
            let file = file.expect("the directory can be read");
            let name = file.file_name().into_string().expect("a plain name");
            let seed = fs::read(file.path()).expect("the file can be read");
            found.insert(name, seed);
        }
        assert!(
            found == seeds(target),
            "write the seeds of `{target}` again"
        );
    }
}

#[test]
fn every_method_has_its_parser_and_a_valid_request() {
    let methods: Vec<_> = METHODS.iter().map(|(method, _)| *method).collect();
    assert_eq!(methods, fields::methods());
    let seeds = seeds("requests");
    for (method, parse) in METHODS {
        let seed = seeds.get(method);
        let (_, message) = seed.and_then(|seed| seed.split_first()).expect("a seed");
        assert!(matches!(parse(message), Some(Ok(()))), "{method}");
    }
}

/// More bytes than any text of a request may have.
const TOO_LONG: usize = 20_000;

/// No enum has so many values.
const UNKNOWN_VALUE: u64 = 1_000;

#[test]
fn every_text_of_a_request_has_a_limit_and_no_unknown_value_is_taken() {
    for (method, kind, message) in requests::valid() {
        let (_, parse) = METHODS
            .into_iter()
            .find(|(name, _)| *name == method)
            .expect("it is a method");
        let wrong = variants(&Fields::of_method(method), &message, &|field, _| {
            if is_text(field) {
                vec![value(field, &[b'x'; TOO_LONG])]
            } else if field.r#type() == Type::Enum {
                vec![number(field, UNKNOWN_VALUE)]
            } else {
                Vec::new()
            }
        });
        for (path, message) in wrong {
            let parsed = parse(&message).expect("it is a message");
            assert!(parsed.is_err(), "{method}{kind} takes anything as {path}");
        }
    }
}

#[test]
fn every_kind_of_text_has_a_seed() {
    let kinds = texts::all().into_iter().map(|(_, kind, _)| kind);
    let mut kinds: Vec<_> = kinds.collect();
    kinds.dedup();
    assert_eq!(kinds, (0..KINDS).collect::<Vec<_>>());
}

#[test]
fn what_holds_of_everything_holds_of_the_seeds_and_of_what_is_nearly_one() {
    for (target, run) in [("requests", request as fn(&[u8])), ("texts", text)] {
        for mut seed in seeds(target).into_values() {
            run(&seed);
            for cut in 0..seed.len() {
                run(&seed[..cut]);
            }
            for bit in 0..seed.len() * 8 {
                seed[bit / 8] ^= 1 << (bit % 8);
                run(&seed);
                seed[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}
