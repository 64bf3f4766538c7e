//! YAML is read as Kratix reads it (contract.md 7, 17).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail the test")]

use std::fmt::Write as _;

use bookend::contract::Node;
use bookend::files::yaml::{self, DEPTH_MAX, YamlError};
use serde_json::json;

fn read(text: &str) -> String {
    match yaml::parse(text.as_bytes()).map(|node| node.to_json()) {
        Ok(Some(value)) => value.to_string(),
        Ok(None) => "no JSON".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn scalars_follow_yaml_1_1_as_kratix_reads_it() {
    for (text, expected) in [
        ("[y, Y, yes, Yes, YES, on, On, ON, true, True, TRUE]", "11 true"),
        ("[n, N, no, No, NO, off, Off, OFF, false, False, FALSE]", "11 false"),
        ("[null, Null, NULL, ~, ]", "[null,null,null,null]"),
        ("[yEs, tRUE, nULL, oN, ~x]", r#"["yEs","tRUE","nULL","oN","~x"]"#),
        (
            "[010, 0o17, 0O7, 0x1F, 0X1f, 0b11, 0B11, 1_000, 08, 0_10]",
            "[8,15,7,31,31,3,3,1000,8,8]",
        ),
        ("[-0o17, -0b11, +12, -0, 1_, -_1]", "[-15,-3,12,0,1,-1]"),
        (
            "[0b12, 0x, 0xg, _1, 1e, ., .., 1:30]",
            r#"["0b12","0x","0xg","_1","1e",".","..","1:30"]"#,
        ),
        ("[1e3, .5, +.5, 1., 1.e3, .5_0, 1e-400]", "[1000,0.5,0.5,1,1000,0.5,0]"),
        ("[1e400, 12e4567, 1_e_5x]", r#"["1e400","12e4567","1_e_5x"]"#),
        ("[2026-01-01, 12:30:45, =, 1:30.5]", r#"["2026-01-01","12:30:45","=","1:30.5"]"#),
        (
            "[9223372036854775808, 18446744073709551615]",
            "[9223372036854775808,18446744073709551615]",
        ),
        ("[9007199254740993, -9007199254740993]", "[9007199254740993,-9007199254740993]"),
        ("0x1FFFFFFFFFFFFFFFFF", r#""0x1FFFFFFFFFFFFFFFFF""#),
        (".inf", "no JSON"),
        ("-.Inf", "no JSON"),
        (".NaN", "no JSON"),
        (r#"["yes", 'no', "10"]"#, r#"["yes","no","10"]"#),
    ] {
        let expected = match expected.strip_prefix("11 ") {
            Some(word) => format!("[{}]", [word; 11].join(",")),
            None => expected.to_owned(),
        };
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn tags_decide_over_quotes() {
    for (text, expected) in [
        ("[!!str true, !!str 10, !!int \"7\", !!bool \"yes\"]", r#"["true","10",7,true]"#),
        ("[!!float 1, !!null '', !!str ]", r#"[1,null,""]"#),
        ("!!binary aGVsbG8=", r#""hello""#),
        ("!!binary |\n  aGVs\n  bG8=\n", r#""hello""#),
        ("[!mine 10, ! 10, !!foo 10, !<tag:yaml.org,2002:int> '10']", r#"["10","10","10",10]"#),
        ("!!set {a, b}", r#"{"a":null,"b":null}"#),
        ("a: !!int x", "line 1, column 10: `x` is no !!int"),
        ("a: !!binary '*'", "line 1, column 13: `*` is no !!binary"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn keys_are_text_and_keep_the_words_that_only_yaml_1_1_takes_for_booleans() {
    for (text, expected) in [
        ("{1: a, true: b, 1.5: c}", r#"{"1":"a","1.5":"c","true":"b"}"#),
        ("{y: 1, n: 2, yes: 3, Off: 4}", r#"{"Off":4,"n":2,"y":1,"yes":3}"#),
        ("{True: 1, 010: 2, 0x1F: 3, 1e3: 4}", r#"{"1000":4,"31":3,"8":2,"true":1}"#),
        ("{.inf: 1, -.INF: 2, .nan: 3}", r#"{"-.inf":2,".inf":1,".nan":3}"#),
        ("{2026-01-01: 1, '': 2, !!str y: 3}", r#"{"":2,"2026-01-01":1,"y":3}"#),
        ("{~: a}", "line 1, column 2: a key must be text, found nothing"),
        ("null: a", "line 1, column 1: a key must be text, found nothing"),
        ("[a, b]: c", "line 1, column 1: a key must be text, found a list"),
        ("? {a: b}\n: c", "line 1, column 3: a key must be text, found a map"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn the_last_of_two_equal_keys_wins_and_merge_keys_count_where_they_stand() {
    for (text, expected) in [
        ("a: 1\na: 2\n", r#"{"a":2}"#),
        ("{1: a, '1': b}", r#"{"1":"b"}"#),
        ("- &l {a: b, c: d}\n- {<<: *l, c: e}\n", r#"[{"a":"b","c":"d"},{"a":"b","c":"e"}]"#),
        ("{c: e, <<: {c: d}}", r#"{"c":"d"}"#),
        (
            "- &x {a: 1, b: 1}\n- &y {b: 2, c: 2}\n- <<: [*x, *y]\n  d: 3\n",
            "{\"a\":1,\"b\":1,\"c\":2,\"d\":3}]",
        ),
        ("\"<<\": {a: b}", r#"{"<<":{"a":"b"}}"#),
        ("[<<]", r#"["<<"]"#),
        ("<<: a", "line 1, column 5: `<<` needs a map or a list of maps, found text"),
        ("<<: [a]", "line 1, column 7: `<<` needs a map or a list of maps, found text"),
    ] {
        let seen = read(text);
        assert!(seen == expected || seen.ends_with(&format!(",{expected}")), "{text}: {seen}");
    }
}

#[test]
fn anchors_are_followed_within_limits() {
    assert_eq!(read("a: &x [1]\nb: *x\n"), r#"{"a":[1],"b":[1]}"#);
    assert_eq!(read("a: *nope"), "line 1, column 4: unknown anchor `nope`");
    assert_eq!(read("a: &x [*x]"), "line 1, column 8: an alias inside its own anchor");

    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (outer, inner) in ('b'..='i').zip('a'..='h') {
        let aliases = vec![format!("*{inner}"); 9].join(",");
        let _ = writeln!(bomb, "{outer}: &{outer} [{aliases}]");
    }
    assert!(matches!(yaml::parse(bomb.as_bytes()), Err(YamlError::TooManyAliases { .. })));

    // Each level is allowed, their sum is not.
    let deep = format!(
        "a: &a {}{}\nb: &b {}*a{}\n",
        "[".repeat(300),
        "]".repeat(300),
        "[".repeat(300),
        "]".repeat(300)
    );
    assert!(matches!(yaml::parse(deep.as_bytes()), Err(YamlError::TooDeep { .. })));
}

#[test]
fn nesting_is_limited_and_never_uses_up_the_stack() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
        let nested = |depth: usize| format!("{}x{}", open.repeat(depth), close.repeat(depth));
        let node = yaml::parse(nested(DEPTH_MAX).as_bytes()).unwrap();
        let value = node.to_json().unwrap();
        assert_eq!(yaml::parse(yaml::write(&value).as_bytes()).unwrap(), node);
        for depth in [DEPTH_MAX + 1, 100_000] {
            let error = yaml::parse(nested(depth).as_bytes()).unwrap_err();
            assert!(matches!(error, YamlError::TooDeep { .. }), "{open}: {error}");
        }
        let _ = yaml::parse(open.repeat(100_000).as_bytes());
    }
}

#[test]
fn documents_are_told_apart() {
    for (text, expected) in [
        ("", "null"),
        ("# nothing\n", "null"),
        ("---\n", "null"),
        ("---\n---\na: 1\n", "null"),
        ("a: 1\n---\nb: 2\n", r#"{"a":1}"#),
        ("---\n- a\n...\n", r#"["a"]"#),
        ("a: 1\n---\n}{", r#"{"a":1}"#),
        ("\u{feff}a: 1", r#"{"a":1}"#),
        ("%YAML 1.1\n---\na: 1", r#"{"a":1}"#),
        ("a: 1\r\nb:\r\n- c\r\n", r#"{"a":1,"b":["c"]}"#),
    ] {
        assert_eq!(read(text), expected, "{text:?}");
    }
    let utf16: Vec<u8> = [0xfeff]
        .into_iter()
        .chain("a: [b, 😀]\n".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(yaml::parse(&utf16).unwrap().to_json().unwrap(), json!({"a": ["b", "😀"]}));
}

#[test]
fn texts_come_out_as_written() {
    for (text, expected) in [
        ("a: |\n  x\n  y\n", r#"{"a":"x\ny\n"}"#),
        ("a: |\n  x", r#"{"a":"x"}"#),
        ("a: |+\n  x\n\n", r#"{"a":"x\n\n"}"#),
        ("a: |2-\n   x\n  y\n", r#"{"a":" x\ny"}"#),
        ("a: >-\n  folded\n  text\n", r#"{"a":"folded text"}"#),
        (r#"{"a": 'b', 'c': "d\u0041\t\x01"}"#, r#"{"a":"b","c":"dA\t\u0001"}"#),
        ("a: 'x''y'", r#"{"a":"x'y"}"#),
        ("a: b#c #d", r#"{"a":"b#c"}"#),
        ("[\n\t{\n\t\t\"a\": {\"b\": \"c\"}\n\t}\n]\n", r#"[{"a":{"b":"c"}}]"#),
        ("a: \"\u{85}\u{2028}\"", "{\"a\":\"\u{85}\u{2028}\"}"),
    ] {
        assert_eq!(read(text), expected, "{text:?}");
    }
}

#[test]
fn what_is_no_yaml_is_refused_with_its_place() {
    for (text, expected) in [
        ("- matchLabels: {a: b\n", "line 1, column 16: unclosed bracket '{'"),
        ("a: b: c", "line 1, column 5: mapping values are not allowed in this context"),
        (
            "a:\n\tb: c\n",
            "line 2, column 2: tabs disallowed within this context (block indentation)",
        ),
        ("a: @b", "line 1, column 4: unexpected character: `@'"),
        (r#"{"a": "b\/c"}"#, r"line 1, column 7: unknown escape `\/`; write `/`"),
        ("a: \"\u{7f}\"", "line 1, column 5: control character U+007F"),
    ] {
        assert_eq!(read(text), expected, "{text:?}");
    }
    assert_eq!(read(r#""a\\/b""#), r#""a\\/b""#);
    for text in ["- a:\n    a: b\n  c: d\n d: foo\n", "a: \"x", "}{", "a: 'x", "\"\\z\""] {
        assert!(read(text).starts_with("line "), "{text:?}");
    }
}

#[test]
fn objects_are_read_from_a_stream() {
    let objects = yaml::parse_objects(
        b"---\n# none\n---\nkind: A\nmetadata: {name: a, y: n}\n---\nkind: B\n",
    )
    .unwrap();
    let kinds: Vec<_> = objects.iter().map(|object| object.kind()).collect();
    assert_eq!(kinds, ["A", "B"]);
    assert_eq!(objects[0].at(&["metadata", "y"]), Some(&json!(false)));
    assert_eq!(yaml::parse_objects(b"").unwrap(), []);
    for (text, expected) in [
        ("kind: A\n---\n- b\n", "document 2: expected a map, found a list"),
        ("kind: A\n---\n\n---\nb\n", "document 3: expected a map, found text"),
        ("a: .inf\n", "document 1: infinity and NaN cannot stand in an object"),
        ("a: 1\n---\na: {\n", "line 3, column 4: unclosed bracket '{'"),
    ] {
        assert_eq!(
            yaml::parse_objects(text.as_bytes()).unwrap_err().to_string(),
            expected,
            "{text:?}"
        );
    }
}

#[test]
fn labels_take_the_text_that_kratix_gives_or_the_one_that_was_written() {
    for (text, expected) in [
        ("[yes, 010, 0x1F, 1e3, 1.50, -0.0, .inf, ~]", "true,8,31,1000,1.5,-0,+Inf,"),
        ("[1e21, 1e-7, 6.02e23, .5]", "1e+21,1e-07,6.02e+23,0.5"),
        (
            "[123456789.5, 18446744073709551616, -9223372036854775809]",
            "123456789.5,18446744073709551616,-9223372036854775809",
        ),
    ] {
        let Node::List(items) = yaml::parse(text.as_bytes()).unwrap() else { panic!("no list") };
        let texts: Vec<_> = items.iter().map(|item| item.text().unwrap()).collect();
        assert_eq!(texts.join(","), expected);
    }
}
