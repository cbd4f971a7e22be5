//! The second net: rules on the lines that a change adds or takes away, for what the comparison of templates might miss.

use super::rules::literals::{looks_secret, promises_secret};
use super::rules::network::is_open_range;
use super::{Finding, Rule};
use std::collections::HashMap;

/// From this length on a line is taken apart at its brackets and commas, as minified JSON is.
const LONG_LINE: usize = 300;

/// Looks at the lines that only one of both texts has. Comments are left out.
pub fn text_findings(old: &str, new: &str) -> Vec<Finding> {
    let (was, is) = (lines(old), lines(new));
    let mut findings = Vec::new();
    for (number, line) in surplus(&is, &was) {
        findings.extend(added(line).into_iter().map(|(rule, what)| finding(rule, "line", number, what)));
    }
    for (number, line) in surplus(&was, &is) {
        findings.extend(removed(line).into_iter().map(|(rule, what)| finding(rule, "old line", number, what)));
    }
    findings
}

fn finding(rule: Rule, which: &str, number: usize, what: &str) -> Finding {
    let path = format!("{which} {number}");
    let sentence = format!("The text of the template {what} at {path}.");
    Finding { rule, logical_id: None, path, sentence }
}

/// The lines with their numbers, without what is blank or a comment.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let pieces = text.lines().enumerate().flat_map(|(at, line)| {
        let is_long = line.len() > LONG_LINE;
        line.split(move |c| is_long && matches!(c, ',' | '{' | '}' | '[' | ']'))
            .map(move |piece| (at + 1, piece.trim()))
    });
    pieces.filter(|(_, piece)| !piece.is_empty() && !piece.starts_with('#')).collect()
}

fn surplus<'a>(lines: &[(usize, &'a str)], others: &[(usize, &'a str)]) -> Vec<(usize, &'a str)> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (_, line) in others {
        *counts.entry(line).or_default() += 1;
    }
    let mut found = Vec::new();
    for (number, line) in lines {
        match counts.get_mut(line) {
            Some(count) if *count > 0 => *count -= 1,
            _ => found.push((*number, *line)),
        }
    }
    found
}

/// A line as a name and what follows it, both without quotes, brackets and list marks.
fn member(line: &str) -> (&str, &str) {
    let marks = |c: char| matches!(c, '"' | '\'' | '{' | '}' | '[' | ']' | '-' | ',' | ' ');
    match line.split_once(": ").or_else(|| line.split_once("\":")).or_else(|| Some((line.strip_suffix(':')?, ""))) {
        Some((name, value)) => (name.trim_matches(marks), value.trim_matches(marks)),
        None => ("", line.trim_matches(marks)),
    }
}

fn added(line: &str) -> Vec<(Rule, &'static str)> {
    let (name, value) = member(line);
    let mut found = Vec::new();
    let mut note = |is_hit: bool, rule: Rule, what: &'static str| {
        if is_hit {
            found.push((rule, what));
        }
    };
    let is_off = ["false", "no", "off"].iter().any(|word| value.eq_ignore_ascii_case(word));
    let is_on = ["true", "yes", "on", "enabled"].iter().any(|word| value.eq_ignore_ascii_case(word));
    let names_anybody =
        matches!(name, "Principal" | "AWS" | "NotPrincipal" | "Federated") || line.contains("Principal");
    note(names_anybody && (value.contains('*') || name == "NotPrincipal"), Rule::WildcardPrincipal, "lets in anybody");
    note(name.ends_with("AuthType") && value.eq_ignore_ascii_case("NONE"), Rule::OpenFunctionUrl, "has AuthType NONE");
    let is_switch = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"]
        .iter()
        .any(|switch| line.contains(switch));
    note(
        is_switch && !is_on,
        Rule::PublicBucket,
        if is_off { "switches a public-access block off" } else { "sets a public-access block" },
    );
    note(line.contains("AWS::IAM::") || line.contains("AssumeRolePolicyDocument"), Rule::Iam, "has an IAM resource");
    let ranges = line.split(['"', '\'', ' ', ',', '[', ']', '{', '}']);
    note(ranges.into_iter().any(is_open_range), Rule::OpenIngress, "has an address range of the whole internet");
    note(line.contains("AWS::KMS::"), Rule::Kms, "has a KMS resource");
    note(promises_literal(name, value) || looks_secret(line), Rule::LiteralSecret, "has what looks like a secret");
    let is_public =
        ["AssociatePublicIpAddress", "MapPublicIpOnLaunch", "AssignPublicIp", "PubliclyAccessible"].contains(&name);
    note(
        is_public && !is_off && !value.eq_ignore_ascii_case("disabled"),
        Rule::PublicIp,
        "switches a public address on",
    );
    note(line.contains("Fn::Transform") || line.contains("!Transform"), Rule::Macro, "calls a macro");
    found
}

/// Whether a name promises a secret and a plain word follows it.
fn promises_literal(name: &str, value: &str) -> bool {
    let is_plain = !value.is_empty()
        && !value.starts_with(['!', '&', '*', '$', '|', '>', '#'])
        && !value.contains("resolve:")
        && !value.contains("${")
        && !value.contains("Ref")
        && !value.contains("Fn::")
        && !value.contains(": ")
        && !["true", "false", "null"].contains(&value);
    is_plain && promises_secret(name)
}

fn removed(line: &str) -> Vec<(Rule, &'static str)> {
    let (name, value) = member(line);
    let mut found = Vec::new();
    if matches!(name, "DeletionPolicy" | "UpdateReplacePolicy") && value.starts_with("Retain") {
        found.push((Rule::RetainRemoved, "no longer keeps a resource"));
    }
    if name == "BucketName" {
        found.push((Rule::NameRemoved, "no longer names a bucket so"));
    }
    if name == "Type" && ["AWS::DynamoDB::", "AWS::S3::Bucket", "AWS::RDS::"].iter().any(|kind| value.starts_with(kind))
    {
        found.push((Rule::StatefulRemoved, "no longer has a resource that holds data"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_a_second_net() {
        for (rule, line) in [
            (Rule::WildcardPrincipal, "Principal: '*'"),
            (Rule::WildcardPrincipal, "AWS: \"*\""),
            (Rule::WildcardPrincipal, "\"Principal\": {\"AWS\": \"*\"},"),
            (Rule::OpenFunctionUrl, "AuthType: NONE"),
            (Rule::PublicBucket, "BlockPublicAcls: false"),
            (Rule::PublicBucket, "\"RestrictPublicBuckets\":false"),
            (Rule::Iam, "Type: AWS::IAM::Role"),
            (Rule::OpenIngress, "CidrIp: 0.0.0.0/0"),
            (Rule::OpenIngress, "- CidrIpv6: '::/0'"),
            (Rule::Kms, "Type: 'AWS::KMS::Key'"),
            (Rule::LiteralSecret, "DB_PASSWORD: hunter2"),
            (Rule::LiteralSecret, "\"ApiKey\": \"hunter2\","),
            (Rule::PublicIp, "AssignPublicIp: ENABLED"),
            (Rule::PublicIp, "PubliclyAccessible: !Ref Open"),
            (Rule::Macro, "Fn::Transform: {Name: x}"),
        ] {
            let old = "Resources:\n  A: b\n";
            let new = format!("Resources:\n  A: b\n      {line}\n");
            let found: Vec<Rule> = text_findings(old, &new).into_iter().map(|finding| finding.rule).collect();
            assert_eq!(found, [rule], "{line}");
            assert_eq!(text_findings(&new, &new), [], "{line}");
            assert_eq!(text_findings(old, &format!("{old}# {line}\n")), [], "{line}");
            let long = format!("{{\"a\":\"{}\",{line},\"b\":1}}", "x".repeat(400));
            assert!(text_findings("", &long).iter().any(|finding| finding.rule == rule), "{line}");
        }
        for (rule, line) in [
            (Rule::RetainRemoved, "DeletionPolicy: Retain"),
            (Rule::NameRemoved, "BucketName: x"),
            (Rule::StatefulRemoved, "Type: AWS::DynamoDB::Table"),
        ] {
            assert_eq!(text_findings(&format!("a: b\n  {line}\n"), "a: b\n")[0].rule, rule, "{line}");
        }
        for line in [
            "Timeout: 9",
            "DB_PASSWORD: !Ref P",
            "Password: '{{resolve:secretsmanager:a}}'",
            "CodeUri: ./a",
            "Handler: a.b",
            "SecretArn: a",
        ] {
            assert_eq!(text_findings("", line), [], "{line}");
        }
    }
}
