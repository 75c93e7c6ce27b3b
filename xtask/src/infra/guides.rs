//! The guides of the targets, as somebody follows them who does by hand what stands there.
//!
//! Of each page, the commands below `## By hand` are typed one after the other, in the folder of an app that was made for
//! it, and its files are written where it says. AWS is an emulator; what it does not run has a stand-in.

use super::{Check, LeftOut, deploy, made::App, terraform};
use crate::{
    Result,
    servers::AwsEmulator,
    steps::{Steps, output},
};
use std::{env, fs, process::Command, thread};

pub(super) const CHECK: Check = Check { name: "guides", parts: deploy::CHECK.parts, quick: |_, _| {}, slow };

/// A page, and the environment that it is about.
const PAGES: [(&str, &str); 3] = [("lambda", "stage"), ("ecs", "stage"), ("eks", "prod")];

fn slow(steps: &mut Steps, left_out: &LeftOut) {
    if CHECK.parts.iter().any(|part| left_out.has(part)) {
        return;
    }
    let mut apps = vec![];
    steps.step("guides: the apps", || {
        // One after the other, for they share the tools.
        apps = PAGES.iter().map(made).collect::<Result<_>>()?;
        Ok(String::new())
    });
    thread::scope(|scope| {
        let follow = |(page, app)| scope.spawn(move || follow(page, app).map_err(|why| why.to_string()));
        let tries: Vec<_> = PAGES.into_iter().zip(&apps).map(follow).collect();
        let names = ["guide: AWS Lambda", "guide: ECS on Fargate", "guide: EKS"];
        for (name, tried) in names.into_iter().zip(tries) {
            steps.step(name, || match tried.join() {
                Ok(said) => said.map_err(Into::into),
                Err(_) => Err("it panicked".into()),
            });
        }
    });
}

/// The app that a page is followed with.
fn made((target, environment): &(&str, &str)) -> Result<App> {
    let app = App::in_folder("my-app", &format!("my-app-{target}"), &["--deploy", target])?;
    if *target == "eks" {
        // The overlay, which the page takes from there.
        output(&mut app.tollgate(&["deploy", "init", "--target", target, "--env", environment]))?;
    }
    Ok(app)
}

fn follow((target, environment): (&str, &str), app: &App) -> Result<String> {
    let aws = AwsEmulator::start();
    let page = fs::read_to_string(format!("docs/guide/deploy/aws-{target}.md"))?;
    let (script, count) = script(&page, target, environment).ok_or("the page does not say how it is done by hand")?;
    let script = script.replace("$HOME/tollgate", &env::current_dir()?.display().to_string());
    let script = script.replace(NO_CERTIFICATE, &terraform::certificate(&aws)?);
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", &script]).current_dir(&app.folder);
    app.with_tools(&mut shell, &aws, target == "lambda");
    let (config, cluster) = (app.folder.join(".aws-config"), app.folder.join(".kubeconfig"));
    fs::write(&config, "[profile example]\nregion = eu-central-1\n")?;
    shell.env("AWS_CONFIG_FILE", config).env("KUBECONFIG", cluster);
    shell.env("TF_CLI_ARGS_apply", "-auto-approve -no-color").env("TF_CLI_ARGS_destroy", "-auto-approve -no-color");
    output(&mut shell)?;
    Ok(format!("{count} commands and files"))
}

/// What stands in a page for the one that its reader has.
const NO_CERTIFICATE: &str = "arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000000";

/// Says where it stopped, and at the end what is left.
const BEGIN: &str = "trap 'echo \"stopped at: $BASH_COMMAND\"' ERR\n";
const END: &str = "test -z \"$(tf state list | grep -v '\\bdata\\.')\"\n";

/// A page as a script, and how many blocks it has.
fn script(page: &str, target: &str, environment: &str) -> Option<(String, usize)> {
    let (_, by_hand) = page.split_once("\n## By hand\n")?;
    let blocks: Vec<_> = by_hand.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect();
    let folder = format!("infra/terraform/targets/{target}");
    let typed = |(kind, text): &(&str, &str)| match *kind {
        "json" => format!("cat >{folder}/{environment}.tfvars.json <<'FILE'\n{text}FILE\n"),
        "hcl" => format!("cat >{folder}/backend.tf <<'FILE'\n{text}FILE\n"),
        _ => (*text).to_owned(),
    };
    let script: String = blocks.iter().map(typed).collect();
    Some(([BEGIN, &script, END].concat(), blocks.len()))
}

#[cfg(test)]
mod tests {
    use super::script;

    #[test]
    fn a_page_is_typed_in_its_order_with_its_files() {
        let page = "```sh\nearly\n```\n## By hand\nas\n```sh\none\n```\n```json\n{}\n```\n`two`\n```sh\nthree\n```\n";
        let (script, count) = script(page, "ecs", "stage").unwrap();
        let file = "one\ncat >infra/terraform/targets/ecs/stage.tfvars.json <<'FILE'\n{}\nFILE\nthree\n";
        assert!(script.contains(file) && !script.contains("early"), "{script}");
        assert_eq!(count, 3);
    }
}
