//! Who may do what: every policy of a composition, as Terraform made it.
//!
//! `policies.txt` beside each example shows a line per permission; a reviewer sees there what a change gives away. Two
//! rules hold whatever was reviewed: nobody may do everything, and a permission on every resource has a reason in
//! `wildcards.txt`.

use crate::Result;
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write, path::Path};

/// Resources that have a policy, besides roles.
const WITH_POLICY: [&str; 5] =
    ["aws_ecr_repository_policy", "aws_iam_role_policy", "aws_kms_key", "aws_s3_bucket_policy", "aws_sns_topic_policy"];

/// All policies of a state (`terraform show -json`), with names in place of what AWS made up.
pub(super) fn describe(state: &Value) -> Result<String> {
    let resources = resources(&state["values"]["root_module"]);
    let names = names(&resources);
    let mut text = String::new();
    for resource in &resources {
        let values = &resource["values"];
        let lines = match resource["type"].as_str().unwrap_or_default() {
            "aws_iam_role" => statements(&values["assume_role_policy"])?,
            "aws_iam_role_policy_attachment" => {
                vec![format!("everything in {}", words(&values["policy_arn"]).join(", "))]
            }
            "aws_lambda_permission" => vec![permission(values)],
            kind if WITH_POLICY.contains(&kind) => statements(&values["policy"])?,
            _ => continue,
        };
        writeln!(text, "{}", resource["address"].as_str().unwrap_or_default())?;
        for line in lines {
            writeln!(text, "  {}", named(&line, &names))?;
        }
    }
    Ok(text)
}

/// Refuses what nobody may have been given, whatever was reviewed.
pub(super) fn check(described: &str, reasons: &str) -> Result<String> {
    let reasons: BTreeMap<_, _> = reasons.lines().filter_map(|line| line.split_once(": ")).collect();
    let (mut wrong, mut count) = (vec![], 0);
    let mut owner = "";
    for line in described.lines() {
        if !line.starts_with(' ') {
            owner = line;
            continue;
        }
        count += 1;
        wrong.extend(broken(line.trim_start(), &reasons).map(|why| format!("{owner}: {why}\n {line}")));
    }
    if wrong.is_empty() { Ok(format!("{count} permissions")) } else { Err(wrong.join("\n").into()) }
}

/// `allow ACTION on RESOURCE by WHOM if …`: the rule that it breaks.
fn broken(line: &str, reasons: &BTreeMap<&str, &str>) -> Option<String> {
    let action = line.strip_prefix("allow ")?.split(' ').next()?;
    let who = line.split_once(" by ").map(|(_, who)| who.split(" if ").next().unwrap_or_default());
    if action == "*" {
        return Some("nobody may do everything".to_owned());
    }
    if who.is_some_and(|who| who.ends_with(" *")) {
        return Some("nothing is for everybody".to_owned());
    }
    // In the policy of a thing itself, as a key's, a star is that thing; such a reason is for none of a role.
    let kind = who.and_then(|who| who.split(' ').next()).map(|kind| format!(" by {kind}")).unwrap_or_default();
    let is_wide = line.contains(" on *") || action.ends_with(":*");
    let wanted = format!("{action}{kind}");
    (is_wide && !reasons.contains_key(wanted.as_str())).then(|| format!("{wanted} has no reason in wildcards.txt"))
}

/// Those of a module and of all modules in it, by address.
fn resources(module: &Value) -> Vec<&Value> {
    let own = module["resources"].as_array().into_iter().flatten();
    let below = module["child_modules"].as_array().into_iter().flatten().flat_map(resources);
    let mut all: Vec<_> = own.chain(below).collect();
    all.sort_by_key(|resource| resource["address"].as_str());
    all
}

/// What AWS made up, and the address of the resource that it is; longest first, since one may begin another.
fn names(resources: &[&Value]) -> Vec<(String, String)> {
    let made_up = |resource: &&Value| {
        let address = resource["address"].as_str()?;
        let values = ["arn", "cluster_resource_id", "execution_arn"].map(|key| (key, resource["values"][key].as_str()));
        let name = move |key| if key == "arn" { format!("<{address}>") } else { format!("<{address}.{key}>") };
        Some(values.map(|(key, value)| value.map(|value| (value.to_owned(), name(key)))))
    };
    let managed = resources.iter().filter(|resource| resource["mode"] == "managed");
    let mut names: Vec<_> = managed.filter_map(made_up).flatten().flatten().collect();
    names.retain(|(value, _)| !value.is_empty());
    names.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    names
}

fn named(line: &str, names: &[(String, String)]) -> String {
    names.iter().fold(line.to_owned(), |line, (value, name)| line.replace(value.as_str(), name))
}

/// A line for each action on each resource.
fn statements(policy: &Value) -> Result<Vec<String>> {
    let policy: Value = serde_json::from_str(policy.as_str().unwrap_or_default())?;
    let mut lines = vec![];
    for statement in list(&policy["Statement"]) {
        let effect = statement["Effect"].as_str().unwrap_or_default().to_lowercase();
        let end = principals(&statement["Principal"]) + &conditions(&statement["Condition"]);
        for action in words(&statement["Action"]) {
            let on = words(&statement["Resource"]);
            let on = if on.is_empty() { String::new() } else { format!(" on {}", on.join(", ")) };
            lines.push(format!("{effect} {action}{on}{end}"));
        }
        if statement["Action"].is_null() {
            return Err("a statement without Action".into());
        }
    }
    Ok(lines)
}

fn permission(values: &Value) -> String {
    let word = |key: &str| values[key].as_str().unwrap_or_default();
    let (action, function) = (word("action"), word("function_name"));
    format!("allow {action} on {function} by Service {} if aws:SourceArn is {}", word("principal"), word("source_arn"))
}

fn principals(of: &Value) -> String {
    match of {
        Value::Null => String::new(),
        Value::String(who) => format!(" by {who} {who}"),
        _ => {
            let kinds = of.as_object().into_iter().flatten();
            let text = kinds.map(|(kind, who)| format!("{kind} {}", words(who).join(", "))).collect::<Vec<_>>();
            format!(" by {}", text.join("; "))
        }
    }
}

fn conditions(of: &Value) -> String {
    let tests = of.as_object().into_iter().flatten().flat_map(|(test, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        keys.map(move |(key, values)| format!("{key} {test} {}", words(values).join(", ")))
    });
    let all = tests.collect::<Vec<_>>().join(" and ");
    if all.is_empty() { all } else { format!(" if {all}") }
}

/// IAM writes one thing as itself and several as a list.
fn list(of: &Value) -> Vec<&Value> {
    of.as_array().map_or_else(|| vec![of], |all| all.iter().collect())
}

fn words(of: &Value) -> Vec<&str> {
    let mut words: Vec<_> = list(of).into_iter().filter_map(Value::as_str).collect();
    words.sort_unstable();
    words
}

/// Where reasons are.
pub(super) fn reasons(here: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(here.join("wildcards.txt"))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn state(policy: &Value) -> Value {
        let role = json!({"address": "aws_iam_role.app", "mode": "managed", "type": "aws_iam_role", "values": {
            "arn": "arn:aws:iam::1:role/app",
            "assume_role_policy": json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"Service": "lambda.amazonaws.com"}}}).to_string()}});
        let bucket = json!({"address": "module.a.aws_s3_bucket.b", "mode": "managed", "type": "aws_s3_bucket",
            "values": {"arn": "arn:aws:s3:::b-1f3"}});
        let policy = json!({"address": "module.a.aws_iam_role_policy.p", "mode": "managed",
            "type": "aws_iam_role_policy", "values": {"policy": policy.to_string()}});
        json!({"values": {"root_module": {"resources": [role], "child_modules": [{"resources": [policy, bucket]}]}}})
    }

    #[test]
    fn a_permission_is_a_line_and_what_aws_made_up_has_a_name() {
        let policy = json!({"Statement": [{"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"],
            "Resource": "arn:aws:s3:::b-1f3/*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]});
        let described = describe(&state(&policy)).unwrap();
        assert_eq!(
            described,
            "aws_iam_role.app\n  allow sts:AssumeRole by Service lambda.amazonaws.com\n\
             module.a.aws_iam_role_policy.p\n  \
             allow s3:GetObject on <module.a.aws_s3_bucket.b>/* if aws:SecureTransport Bool true\n  \
             allow s3:PutObject on <module.a.aws_s3_bucket.b>/* if aws:SecureTransport Bool true\n"
        );
        assert_eq!(check(&described, "").unwrap(), "3 permissions");
    }

    #[test]
    fn what_gives_too_much_away_is_refused_and_a_reason_lets_a_star_stand() {
        let refused = |action: &str, resource: &str, reasons: &str| {
            let policy = json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": resource}});
            check(&describe(&state(&policy)).unwrap(), reasons).err().map(|why| why.to_string()).unwrap_or_default()
        };
        assert!(refused("ecr:GetAuthorizationToken", "*", "").contains("has no reason in wildcards.txt"));
        assert_eq!(refused("ecr:GetAuthorizationToken", "*", "ecr:GetAuthorizationToken: it knows no resource"), "");
        let for_a_key = "ecr:GetAuthorizationToken by Service: its own";
        assert!(refused("ecr:GetAuthorizationToken", "*", for_a_key).contains("has no reason"));
        assert!(refused("s3:*", "arn:aws:s3:::b", "").contains("s3:* has no reason"));
        assert!(refused("*", "arn:aws:s3:::b", "*: why not").contains("nobody may do everything"));
        let anybody = json!({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*"}});
        let refused = check(&describe(&state(&anybody)).unwrap(), "").unwrap_err().to_string();
        assert!(refused.contains("nothing is for everybody"), "{refused}");
    }
}
