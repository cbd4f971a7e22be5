//! Tables and properties of the reader.

use super::functions::settle;
use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The resource part of a template whose one property is this YAML.
fn property(yaml: &str) -> Result<Value, TemplateError> {
    let indented = yaml.replace('\n', "\n        ");
    let text = format!("Resources:\n  A:\n    Type: T\n    Properties:\n      P: {indented}\n");
    Template::parse(&text).map(|template| template.member("Resources", "A").unwrap()["Properties"]["P"].clone())
}

#[test]
fn short_forms_become_long_ones() {
    for (yaml, value) in [
        ("!Ref X", json!({"Ref": "X"})),
        ("!Ref 'AWS::Region'", json!({"Ref": "AWS::Region"})),
        ("!Condition C", json!({"Condition": "C"})),
        ("!Sub '${A}-b'", json!({"Fn::Sub": "${A}-b"})),
        ("!Sub\n- '${A}'\n- {A: 1}", json!({"Fn::Sub": ["${A}", {"A": 1}]})),
        ("!GetAtt A.B", json!({"Fn::GetAtt": ["A", "B"]})),
        ("!GetAtt A.Outputs.B", json!({"Fn::GetAtt": ["A", "Outputs.B"]})),
        ("!GetAtt [A, B]", json!({"Fn::GetAtt": ["A", "B"]})),
        ("!GetAtt [A, Outputs, B]", json!({"Fn::GetAtt": ["A", "Outputs.B"]})),
        ("{'Fn::GetAtt': A.B}", json!({"Fn::GetAtt": ["A", "B"]})),
        ("!If [C, !Ref X, no]", json!({"Fn::If": ["C", {"Ref": "X"}, false]})),
        ("!Join [',', [a, !Ref X]]", json!({"Fn::Join": [",", ["a", {"Ref": "X"}]]})),
        ("!FindInMap [M, !Ref X, k]", json!({"Fn::FindInMap": ["M", {"Ref": "X"}, "k"]})),
        ("!ImportValue x", json!({"Fn::ImportValue": "x"})),
        ("!ImportValue\n  Fn::Sub: ${A}-x", json!({"Fn::ImportValue": {"Fn::Sub": "${A}-x"}})),
        ("!Select [0, !GetAZs '']", json!({"Fn::Select": [0, {"Fn::GetAZs": ""}]})),
        ("!Split [',', a]", json!({"Fn::Split": [",", "a"]})),
        ("!Base64 |\n  #!/bin/sh\n  echo", json!({"Fn::Base64": "#!/bin/sh\necho\n"})),
        ("!Cidr [a, 2, 8]", json!({"Fn::Cidr": ["a", 2, 8]})),
        (
            "!And [!Equals [a, b], !Not [!Or [x, y]]]",
            json!({"Fn::And": [{"Fn::Equals": ["a", "b"]}, {"Fn::Not": [{"Fn::Or": ["x", "y"]}]}]}),
        ),
        ("!Transform {Name: 'AWS::Include'}", json!({"Fn::Transform": {"Name": "AWS::Include"}})),
        ("!Length [1]", json!({"Fn::Length": [1]})),
        ("!ToJsonString {a: 1}", json!({"Fn::ToJsonString": {"a": 1}})),
        ("!Sub 2", json!({"Fn::Sub": "2"})),
        ("!!str 2", json!("2")),
        ("! 2", json!("2")),
        ("!!int '2'", json!(2)),
        ("'yes'", json!("yes")),
        ("yes", json!(true)),
        ("2012-10-17", json!("2012-10-17")),
        ("{yes: 1, 8: 2, 010x: 3}", json!({"true": 1, "8": 2, "010x": 3})),
        (">-\n  a\n  b", json!("a b")),
        ("[&x {a: 1}, *x]", json!([{"a": 1}, {"a": 1}])),
        ("{a: &x {k: 1, l: 2}, b: {<<: *x, l: 3}}", json!({"a": {"k": 1, "l": 2}, "b": {"k": 1, "l": 3}})),
        (
            "{a: [&x {k: 1}, &y {k: 2, m: 3}], b: {<<: [*x, *y]}}",
            json!({"a": [{"k": 1}, {"k": 2, "m": 3}], "b": {"k": 1, "m": 3}}),
        ),
        ("{'<<': 1}", json!({"<<": 1})),
    ] {
        assert_eq!(property(yaml), Ok(value), "{yaml}");
    }
}

#[test]
fn faults_say_where() {
    for (text, sentence) in [
        ("", "The template is empty."),
        ("# nothing", "The template is empty."),
        ("a", "The template is not a mapping of sections such as 'Resources'."),
        ("[]", "The template is not a mapping of sections such as 'Resources'."),
        ("A: 1", "The template has no 'Resources' section, or it is not a mapping."),
        ("Resources: []", "The template has no 'Resources' section, or it is not a mapping."),
        ("Resources: {}\nResources: {}", "The template has a duplicate key 'Resources' at line 2."),
        ("Resources:\n  yes: 1\n  'true': 2", "The template has a duplicate key 'true' at line 3."),
        ("{\"Resources\": {}, \"Resources\": {}}", "The template has a duplicate key 'Resources' at line 1."),
        ("{\"Resources\": {},\n \"A\": {\"x\": 1, \"\\u0078\": 2}}", "The template has a duplicate key 'x' at line 2."),
        ("Resources:\n  [a]: b", "The template has a key that is not text at line 2."),
        ("Resources:\n  ~: b", "The template has a key that is not text at line 2."),
        ("Resources: !!binary aGk=", "The template has the unknown tag '!!binary' at line 1."),
        ("Resources: !a!b c", "the handle wasn't declared"),
        ("Resources: &x {a: *x}", "The template has an alias that contains itself at line 1."),
        ("Resources: {<<: 1}", "The template merges ('<<') a value that is not a mapping at line 1."),
        (
            "Resources: {}\n---\nResources: {}",
            "The template has more than one YAML document; the second starts at line 2.",
        ),
        ("Resources: {a", "The template cannot be parsed at line"),
        ("{\"Resources\": ", "The template cannot be parsed at line 1: EOF while parsing a value."),
    ] {
        let error = Template::parse(text).unwrap_err().to_string();
        assert!(error.contains(sentence), "{text:?}: {error}");
    }
    assert!(matches!(Template::parse(&" ".repeat(MAX_BYTES + 1)), Err(TemplateError::TooLarge(_))));
}

#[test]
fn hostile_templates_end_quickly() {
    let laughs = (1..30).fold("l0: &l0 [lol, lol]\n".to_owned(), |text, n| {
        format!("{text}l{n}: &l{n} [*l{}, *l{}, *l{}]\n", n - 1, n - 1, n - 1)
    });
    let merges = (1..40).fold("m0: &m0 {a: 1}\n".to_owned(), |text, n| {
        format!("{text}m{n}: &m{n} {{k{n}: {{<<: *m{}}}, l{n}: *m{}}}\n", n - 1, n - 1)
    });
    let wide = format!("a: &a '{}'\nb: [{}]", "x".repeat(500_000), "*a,".repeat(100_000));
    let chain = (1..60).fold("c0: &c0 [1]\n".to_owned(), |text, n| format!("{text}c{n}: &c{n} [[*c{}]]\n", n - 1));
    for text in [
        laughs,
        merges,
        wide,
        chain,
        "[".repeat(MAX_BYTES),
        "{".repeat(MAX_BYTES),
        "{a: ".repeat(MAX_BYTES / 4),
        "[{".repeat(MAX_BYTES / 2),
        "{\"a\":".repeat(MAX_BYTES / 5),
        "{\"a\":[".repeat(MAX_BYTES / 6),
        "- ".repeat(MAX_BYTES / 2),
        "? ".repeat(MAX_BYTES / 2),
        "a: ".repeat(MAX_BYTES / 3),
        "&a ".repeat(MAX_BYTES / 3),
        "!a ".repeat(MAX_BYTES / 3),
        "[a, ".repeat(MAX_BYTES / 4),
        "a,".repeat(MAX_BYTES / 2),
        "'".repeat(MAX_BYTES - 1),
        "\"\\".repeat(MAX_BYTES / 2),
        "a\n".repeat(MAX_BYTES / 2),
        "\n".repeat(MAX_BYTES),
        "- a\n".repeat(MAX_BYTES / 4),
        format!("Resources: [{}]", "a,".repeat(MAX_BYTES / 2 - 20)),
        (0..250).fold(String::new(), |text, n| format!("{text}{}a:\n", " ".repeat(n))),
    ] {
        let start = Instant::now();
        assert!(Template::parse(&text).is_err(), "{}", &text[..40]);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?} for {:?}", start.elapsed(), &text[..40]);
    }
}

#[test]
fn parameters_are_declared() {
    let template = Template::parse(
        "Parameters:\n  A: {Type: Number, Default: 3}\n  B: {Type: String, NoEcho: yes}\n  C: {Default: no}\n  D: 7\nResources: {}",
    )
    .unwrap();
    let declared = |kind: &str, default: Option<&str>, no_echo| ParameterDeclaration {
        kind: kind.to_owned(),
        default: default.map(str::to_owned),
        no_echo,
    };
    let expected = BTreeMap::from([
        ("A".to_owned(), declared("Number", Some("3"), false)),
        ("B".to_owned(), declared("String", None, true)),
        ("C".to_owned(), declared("String", Some("false"), false)),
        ("D".to_owned(), declared("String", None, false)),
    ]);
    assert_eq!(template.parameters(), expected);
}

/// A value in the long form, with every function that has a short one.
fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[A-Za-z][A-Za-z0-9]{0,6}",
        "(yes|no|on|0.0.0.0/0|012|1e3|~|<<|\\*|2010-09-09|a: b|# x|- y| |'|\"|\\\\|1:30)",
        "\\PC{0,8}"
    ];
    let leaf = prop_oneof![
        text.clone().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        "[A-Z][a-z]{0,4}".prop_map(|name| json!({"Ref": name})),
        ("[A-Z]{1,3}", "[a-z]{1,3}").prop_map(|(id, name)| json!({"Fn::GetAtt": [id, name]})),
        text.prop_map(|text| json!({"Fn::Sub": text})),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[A-Za-z0-9:]{1,8}", inner.clone(), 0..4)
                .prop_map(|map| { settle(map.into_iter().collect()) }),
            proptest::collection::vec(inner, 2..4).prop_map(|items| json!({"Fn::Join": ["", items]})),
        ]
    })
}

/// YAML in the flow style, with short forms where `short` says so.
fn to_yaml(value: &Value, short: bool) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| to_yaml(item, short)).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            if let Some((name, argument)) = map.iter().next().filter(|_| short && map.len() == 1) {
                match (name.as_str(), argument) {
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        return format!("!GetAtt \"{}.{}\"", parts[0].as_str().unwrap(), parts[1].as_str().unwrap());
                    }
                    ("Ref" | "Fn::Sub" | "Fn::Join", Value::String(_) | Value::Array(_)) => {
                        return format!("!{} {}", name.trim_start_matches("Fn::"), to_yaml(argument, short));
                    }
                    _ => {}
                }
            }
            let members =
                map.iter().map(|(key, item)| format!("{}: {}", Value::from(key.as_str()), to_yaml(item, short)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_way_of_writing_reads_the_same(value in values()) {
        let document = json!({"Resources": {"A": value}});
        let read = |text: &str| Template::parse(text).map(|template| Value::Object(template.sections().clone()));
        let resource = &document["Resources"]["A"];
        prop_assert_eq!(read(&document.to_string()), Ok(document.clone()));
        prop_assert_eq!(read(&serde_json::to_string_pretty(&document).unwrap()), Ok(document.clone()));
        for short in [true, false] {
            let text = format!("Resources:\n  A: {}\n", to_yaml(resource, short));
            prop_assert_eq!(read(&text), Ok(document.clone()), "{}", text);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}|(Resources: |\\{|\\}|\\[|\\]|\n|  |- |a|: |,|!Ref |!GetAtt |&x |\\*x|<<: |'|\"|\\||>|\\? |#|---|%TAG|\\t|!|~){0,40}") {
        let _ = Template::parse(&text);
        let _ = Template::parse(&format!("Resources:\n  {text}"));
        let _ = Template::parse(&format!("{{{text}"));
    }
}
