//! What is written as YAML is read back the same by everybody (contract.md 17.2).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail the test")]

use std::process::{Command, Stdio};

use bookend::files::yaml;
use serde_json::{Map, Value, json};

#[test]
fn what_is_written_is_readable() {
    let value = json!({
        "args": ["--a=b", "- c", ["x", []], {"k": [], "l": {}}],
        "empty": {}, "list": [{"a": 1, "b": [2]}], "n": null, "y": "y",
        "script": "#!/bin/sh\n\techo 'a'\n\necho b\n", "numbers": [1, -2, 1.5, 1e21, 1.25e-9, 3.0, 9223372036854776000_u64, u64::MAX],
        "text": "a: b", "json": "{\"a\": 'b'}", "\u{85}": "\u{7f}é😀\u{1f}",
    });
    assert_eq!(
        yaml::write(&value),
        r##"args:
- --a=b
- "- c"
- - x
  - []
- k: []
  l: {}
empty: {}
json: '{"a": ''b''}'
list:
- a: 1
  b:
  - 2
"n": null
numbers:
- 1
- -2
- 1.5
- 1.0e+21
- 1.25e-09
- 3
- 9.223372036854776e+18
- 18446744073709551615
script: |
  #!/bin/sh
  	echo 'a'

  echo b
text: "a: b"
"y": "y"
"\x85": "\x7fé😀\x1f"
"##
    );
    let key = "k".repeat(200);
    assert_eq!(yaml::write(&json!({ key.clone(): [1] })), format!("? {key}\n:\n- 1\n"));
    assert_eq!(yaml::write(&json!("a\nb")), "\"a\\nb\"\n");
    assert_eq!(yaml::write(&json!([])), "[]\n");
}

#[test]
fn every_string_is_read_back_the_same() {
    for seed in 1..=40 {
        let document = document(seed);
        check_own_reader(&document, seed);
        check_own_reader(&document["document"]["items"], seed);
    }
}

#[test]
#[ignore = "needs python3 with PyYAML, and yq 4; run by .ci/run"]
fn other_readers_read_back_the_same() {
    let dir = tempfile::tempdir().unwrap();
    for seed in 1..=40 {
        let mut value = document(seed);
        // yq reads this key and drops it when it prints JSON, however it is written; see the next test.
        remove_key(&mut value, "<<");
        let text = yaml::write(&value);
        let path = dir.path().join("object.yaml");
        std::fs::write(&path, &text).unwrap();
        for (reader, args) in [("python3", vec!["-c", PYTHON]), ("yq", vec!["-o=json", "."])] {
            let output = Command::new(reader)
                .args(args)
                .arg(&path)
                .stderr(Stdio::inherit())
                .output()
                .unwrap();
            assert!(output.status.success(), "{reader} failed on seed {seed}");
            let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
            if let Some((path, seen, expected)) = difference("", &seen, &value) {
                panic!("{reader}, seed {seed}: {path}: {seen} instead of {expected}");
            }
        }
    }
}

#[test]
#[ignore = "needs python3 with PyYAML, and yq 4; run by .ci/run"]
fn other_readers_take_the_key_of_a_merge_for_text() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("object.yaml");
    std::fs::write(&path, yaml::write(&json!({ "<<": { "a": 1 } }))).unwrap();
    for (reader, args, expected) in [
        ("python3", vec!["-c", PYTHON], r#"{"<<": {"a": 1}}"#),
        ("yq", vec!["-o=json", "-I=0", "keys"], r#"["<<"]"#),
    ] {
        let output = Command::new(reader).args(args).arg(&path).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), expected);
    }
}

fn remove_key(value: &mut Value, key: &str) {
    match value {
        Value::Object(map) => {
            map.remove(key);
            map.values_mut().for_each(|value| remove_key(value, key));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| remove_key(value, key)),
        _ => {}
    }
}

const PYTHON: &str = "import sys, json, yaml
json.dump(yaml.safe_load(open(sys.argv[1], encoding='utf-8')), sys.stdout)";

fn check_own_reader(value: &Value, seed: u64) {
    let text = yaml::write(value);
    let node = yaml::parse(text.as_bytes()).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let seen = node.to_json().unwrap();
    if let Some((path, seen, expected)) = difference("", &seen, value) {
        panic!("seed {seed}: {path}: {seen} instead of {expected}");
    }
}

/// Returns the first place where two values differ; numbers are compared by value, as JSON knows one kind only.
fn difference(path: &str, seen: &Value, expected: &Value) -> Option<(String, Value, Value)> {
    let differ = || Some((path.to_owned(), seen.clone(), expected.clone()));
    match (seen, expected) {
        (Value::Object(a), Value::Object(b)) if !a.keys().eq(b.keys()) => {
            let only_in = |a: &Map<String, Value>, b: &Map<String, Value>| {
                json!(a.keys().filter(|key| !b.contains_key(*key)).collect::<Vec<_>>())
            };
            Some((format!("{path} (keys)"), only_in(a, b), only_in(b, a)))
        }
        (Value::Object(a), Value::Object(b)) => {
            b.iter().find_map(|(key, value)| difference(&format!("{path}/{key:?}"), &a[key], value))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => (0..b.len())
            .find_map(|index| difference(&format!("{path}/{index}"), &a[index], &b[index])),
        (Value::Number(a), Value::Number(b))
            if a == b || a.as_f64() == b.as_f64() && (a.is_f64() || b.is_f64()) =>
        {
            None
        }
        _ if seen == expected => None,
        _ => differ(),
    }
}

/// Returns a document with every awkward text as value, as item and as key, and a random part.
fn document(seed: u64) -> Value {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut texts: Vec<String> = if seed == 1 { awkward_texts() } else { Vec::new() };
    texts.extend((0..300).map(|_| random.text()));
    // Keys at the very start of a line may also look like the border of a document.
    let mut document: Map<_, _> = texts.iter().map(|text| (text.clone(), json!([text]))).collect();
    let parts = json!({
        "random": (0..30).map(|_| random.value(5)).collect::<Vec<_>>(),
        "values": texts.iter().enumerate().map(|(i, text)| (format!("v{i}"), json!(text))).collect::<Map<_, _>>(),
        "keys": texts.iter().enumerate().map(|(i, text)| (text.clone(), json!(i))).collect::<Map<_, _>>(),
        "maps": texts.iter().map(|text| (text.clone(), json!({ text.clone(): [text] }))).collect::<Map<_, _>>(),
        "items": texts,
    });
    document.extend([("document".to_owned(), parts)]);
    Value::Object(document)
}

/// The texts of the recorded objects, and every character that is special to somebody in three positions.
fn awkward_texts() -> Vec<String> {
    let mut texts: Vec<String> =
        serde_json::from_str(include_str!("data/yaml-strings.json")).unwrap();
    let special = (0..0x100)
        .chain(0x2000..0x2070)
        .chain([0xd7ff, 0xe000])
        .chain(0xfdd0..0xfdf0)
        .chain(0xfe00..0xfe10)
        .chain(0xfff0..=0xffff)
        .chain([0xfeff, 0x3000, 0x1_0000, 0x1_f600, 0x1_ffff, 0x10_fffd, 0x10_ffff]);
    for c in special.filter_map(char::from_u32) {
        texts.extend([
            c.to_string(),
            format!("{c}a"),
            format!("a{c}"),
            format!("a{c}b"),
            format!("a\n{c}b\n"),
            format!("a {c} b"),
        ]);
    }
    for length in [79, 80, 81, 127, 128, 129, 1023, 1024, 1025, 5000] {
        texts.extend(["k", "w ", "ä", "\"", "\n", "a\n", " "].map(|part| part.repeat(length)));
    }
    texts
}

/// Xorshift: enough to make texts, and the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 64] = [
            "a", "b", "yes", "no", "0", "1", "9", "e", "E", ".", "_", "+", "-", "--", "---", "...",
            ":", ": ", " :", "#", " #", "'", "\"", "\\", "\n", "\n\n", "\n ", " \n", "\t", "\n\t",
            "\r", "\r\n", " ", "  ", "?", "? ", "- ", "[", "]", "{", "}", ",", "&a", "*a", "!",
            "!!str ", "|", ">", "%", "@", "`", "~", "=", "<<", "0x", ".inf", "null", "\u{85}",
            "\u{2028}", "\u{feff}", "é", "😀", "\u{7f}", "\u{a0}",
        ];
        (0..=self.below(6)).map(|_| PARTS[self.below(PARTS.len())]).collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 8 } else { 12 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.0 >> 1), // yq fails on integers beyond 64 bits with sign
            3 => json!(self.0.cast_signed()),
            4 => json!(f64::from_bits(self.0)).as_f64().map_or(json!(0.1), |float| json!(float)),
            5 => json!(f64::from(self.0 as u32) / 1024.0 * 10_f64.powi(self.below(40) as i32 - 20)),
            6 | 7 => json!(self.text()),
            8 | 9 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => (0..self.below(4)).map(|_| (self.text(), self.value(depth - 1))).collect(),
        }
    }
}
