//! The function beside its requests: how it starts, what else it is sent, how many calls it takes, and what it writes.

use super::{Alone, asking, body, call, curator, event, function, settings};
use crate::process::{command, failure, run, stdout};
use serde_json::Value;
use tempfile::TempDir;
use tollgate_testing::servers::{Call, RuntimeApi};

#[test]
fn what_is_no_request_is_told_as_an_error_and_the_next_one_is_answered() {
    let function = function(&[]);
    let others = [
        (include_str!("events/sqs.json"), r#"an event of \"aws:sqs\""#),
        (include_str!("events/s3.json"), r#"an event of \"aws:s3\""#),
        (include_str!("events/warm_up.json"), r#"an event of \"aws.events\""#),
        ("{}", "something else"),
        ("[1]", "something else"),
    ];
    for (event, words) in others {
        let said = function.invoke(event);
        assert!(said.contains("tollgate::NotHttp") && said.contains(words), "{said}");
        assert!(said.contains("this function answers HTTP requests from API Gateway"), "{said}");
    }
    assert_eq!(call(&function, &event("http_api", &curator()))["statusCode"], 200);
}

#[test]
fn a_call_is_called_by_its_id_also_where_the_caller_says_another() {
    let api = RuntimeApi::start();
    let _function = Alone::start(&api, &[]);
    let mut event = asking("GET", "/nothing", event("http_api", "none"));
    event["headers"]["x-request-id"] = "chosen-by-the-caller".into();
    let answer: Value = serde_json::from_str(&api.invoke(&event.to_string())).unwrap();
    assert_eq!(body(&answer)["request_id"], answer["headers"]["x-request-id"]);
    assert_ne!(answer["headers"]["x-request-id"], "chosen-by-the-caller");
}

#[test]
fn several_calls_are_taken_at_once_where_several_are_sent() {
    let api = RuntimeApi::start();
    let _function = Alone::start(&api, &[("AWS_LAMBDA_MAX_CONCURRENCY", "4")]);
    let asked: Vec<_> = (0..4).map(|_| api.heard()).collect();
    assert!(asked.iter().all(Call::asks), "it asks for four events before it has one");
    let event = event("http_api", &curator()).to_string();
    for (number, call) in asked.into_iter().enumerate() {
        call.hand_out(&format!("call-number-{number}"), &event);
    }
    let mut answered: Vec<_> = (0..4)
        .map(|_| {
            loop {
                let call = api.heard();
                if !call.asks() {
                    let path = call.path.clone();
                    assert!(call.body.contains(r#""statusCode":200"#), "{}", call.body);
                    call.accept();
                    break path;
                }
            }
        })
        .collect();
    answered.sort();
    let wanted = |number| format!("/2018-06-01/runtime/invocation/call-number-{number}/response");
    assert_eq!(answered, [0, 1, 2, 3].map(wanted));
}

#[test]
fn without_its_runtime_it_says_what_is_missing() {
    let folder = TempDir::new().unwrap();
    let mut command = command(folder.path(), &[]);
    let output = command.envs(settings(&[])).env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9").output().unwrap();
    assert!(failure(&output).contains("AWS_LAMBDA_FUNCTION_NAME is not"));
}

#[test]
fn a_file_that_cannot_be_written_is_told_with_where_one_can() {
    let (api, folder) = (RuntimeApi::start(), TempDir::new().unwrap());
    std::fs::write(folder.path().join("data"), "a file, where a folder is needed").unwrap();
    let mut command = command(folder.path(), &[]);
    let command = command.envs(api.variables()).envs(settings(&[])).env_remove("LOREM_IPSUM_DATABASE__URL");
    let said = failure(&command.output().unwrap());
    assert!(said.contains("data/lorem-ipsum.db") && said.contains("sqlite:/tmp/lorem-ipsum.db"), "{said}");
}

#[test]
fn where_a_gateway_stands_in_front_nobody_comes_in_with_a_password_that_everybody_knows() {
    let (api, folder) = (RuntimeApi::start(), TempDir::new().unwrap());
    let mut command = command(folder.path(), &[]);
    let command = command.envs(api.variables());
    assert!(failure(&command.output().unwrap()).contains("identity.password_grant"), "as in dev");
    let _function = Alone::start_as(command.env("LOREM_IPSUM_IDENTITY__PASSWORD_GRANT", "false"));
    assert!(api.heard().asks(), "it started");
    assert!(!stdout(&run(folder.path(), &["user", "list"])).contains("admin@example.test"));
}
