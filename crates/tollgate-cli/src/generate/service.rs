//! `generate service`: one folder and two lines.

use super::{
    field::{Field, GRAMMAR},
    roles, source,
};
use crate::{Result, app::App, files::Files, say, tools, words};
use clap::Args;
use minijinja::context;
use std::{fs, path::Path, process::Command};

/// Add a service: a model, its routes and its tests.
#[derive(Args)]
#[command(after_help = GRAMMAR)]
pub(crate) struct New {
    /// What there are many of: its folder, its table, its path, as in `movies`
    name: String,
    /// Its fields, besides an id: `title:string`
    #[arg(required = true, value_name = "FIELD")]
    fields: Vec<String>,
    /// The type of one of them [default: `Movie` of `movies`]
    #[arg(long)]
    model: Option<String>,
    /// Each row belongs to whoever made it, and others do not reach it
    #[arg(long)]
    owned: bool,
    /// Record who did what to which row
    #[arg(long)]
    audited: bool,
    /// Let a role of config/default.toml do everything with them, or some, as in `reader=read`; may be given several times
    #[arg(long, value_name = "ROLE[=ACTIONS]")]
    grant: Vec<roles::Grant>,
    /// Write no migration
    #[arg(long)]
    no_migration: bool,
}

/// Adds it.
pub(super) fn run(new: &New) -> Result {
    words::check_identifier("a service", &new.name, false)?;
    let fields = new.fields.iter().map(|text| Field::parse(text)).collect::<Result<Vec<_>>>()?;
    let app = App::here()?;
    let files = files(new, &fields, &app)?;
    files.write(&app.folder)?;
    tidy(&app, new);
    tell(new, &files);
    if !new.no_migration {
        migrate(new, &app)?;
    }
    Ok(())
}

/// All that is going to be written.
fn files(new: &New, fields: &[Field], app: &App) -> Result<Files> {
    let name = &new.name;
    check_names(new, fields)?;
    for there in [format!("src/{name}"), format!("src/{name}.rs")] {
        if app.folder.join(&there).exists() {
            return Err(format!("{there} is there already, and is not overwritten").into());
        }
    }
    let mut files = Files::default();
    let (path, text) = source::with_service(&app.folder, name)?;
    files.add(path, text);
    if !new.grant.is_empty() {
        let (path, text) = roles::with_grants(&app.folder, name, &new.grant)?;
        files.add(path, text);
    }
    for (path, text) in render(new, fields)? {
        files.add(format!("src/{name}/{path}"), text);
    }
    Ok(files)
}

/// The names of the model and its own fields are not those of others.
fn check_names(new: &New, fields: &[Field]) -> Result {
    let one = one(new)?;
    check_taken(&new.name, &words::camel(&one))?;
    let own = [Some(format!("{one}_id")), new.owned.then(|| "owner".to_owned())];
    for (at, field) in fields.iter().enumerate() {
        if own.iter().flatten().any(|own| *own == field.name) {
            return Err(format!("the field `{}` is there by itself: leave it out", field.name).into());
        }
        if fields[..at].iter().any(|other| other.name == field.name) {
            return Err(format!("there are two fields `{}`", field.name).into());
        }
    }
    Ok(())
}

/// Types that stand in every service by one `use`, or in Rust by itself: a model of such a name would hide them.
const TYPES: &[&str] = &[
    "Action",
    "Actor",
    "App",
    "Box",
    "Change",
    "Config",
    "Create",
    "Created",
    "Date",
    "Decimal",
    "Delete",
    "Err",
    "Filter",
    "Html",
    "Implies",
    "Json",
    "List",
    "Located",
    "May",
    "Nested",
    "NoContent",
    "None",
    "Now",
    "ObjectId",
    "Ok",
    "Option",
    "Page",
    "Path",
    "Preconditions",
    "Problem",
    "Public",
    "Query",
    "Read",
    "Resource",
    "Result",
    "Secret",
    "Service",
    "Some",
    "Store",
    "String",
    "System",
    "Tagged",
    "Timestamp",
    "Update",
    "Uuid",
    "Vec",
    "View",
];

/// Tables and paths of the framework, and crates that a module would hide.
const NAMES: &[&str] = &[
    "alloc",
    "api_keys",
    "audit_events",
    "auth",
    "core",
    "docs",
    "livez",
    "oauth",
    "provider_people",
    "provider_sessions",
    "readyz",
    "std",
    "token",
    "tollgate",
    "users",
];

/// What is made must compile and start.
fn check_taken(name: &str, model: &str) -> Result {
    if NAMES.contains(&name) || ["auth_", "tollgate_"].iter().any(|start| name.starts_with(start)) {
        return Err(format!("the framework itself has `{name}`: call the service otherwise").into());
    }
    if TYPES.contains(&model) {
        return Err(format!(
            "`{model}` is a type that services use: say another with --model, as in --model My{model}"
        )
        .into());
    }
    Ok(())
}

/// What one of them is called, as a field and a function: `blog_post`.
fn one(new: &New) -> Result<String> {
    let one = match &new.model {
        Some(model) => snake(model)?,
        None => words::singular(&new.name).ok_or_else(|| {
            format!("what is one of `{}` called? Say it with --model, as in --model Person", new.name)
        })?,
    };
    words::check_identifier("a model", &one, false)?;
    Ok(one)
}

/// `blog_post` of `BlogPost`.
fn snake(model: &str) -> Result<String> {
    if !model.starts_with(|c: char| c.is_ascii_uppercase()) || !model.chars().all(|c| c.is_ascii_alphabetic()) {
        return Err(format!(
            "`{model}` cannot name a model: letters, each word beginning with a capital, as in `BlogPost`"
        )
        .into());
    }
    let lower = model.chars().enumerate().fold(String::new(), |mut text, (at, c)| {
        if at > 0 && c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
        text
    });
    Ok(lower)
}

fn render(new: &New, fields: &[Field]) -> Result<Vec<(&'static str, String)>> {
    let one = one(new)?;
    let about = context! {
        plural => &new.name,
        title => words::title(&new.name),
        one => &one,
        one_title => words::title(&one),
        model => words::camel(&one),
        owned => new.owned,
        audited => new.audited,
        fields => fields.iter().map(|field| field.about(&words::camel(&one))).collect::<Vec<_>>(),
        sample => sample(fields),
        unique => fields.iter().find(|field| field.is_unique).map(|field| field.name.as_str()),
    };
    let templates = [
        ("mod.rs", include_str!("../../templates/service/mod.rs.j2")),
        ("tests.rs", include_str!("../../templates/service/tests.rs.j2")),
    ];
    let render = |(path, text)| Ok((path, crate::templates::render(text, &about)?));
    templates.into_iter().map(render).collect()
}

/// A body that is accepted, as `json!` takes it.
fn sample(fields: &[Field]) -> String {
    let each = fields.iter().map(|field| format!("\"{}\": {}", field.name, field.sample));
    format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
}

/// Line breaks depend on the length of names; where there is no rustfmt, nobody asks for them.
fn tidy(app: &App, new: &New) {
    let file = format!("src/{}/mod.rs", new.name);
    let _ = tools::stdout(Command::new("rustfmt").args(["--edition", "2024", &file]).current_dir(&app.folder));
}

fn tell(new: &New, files: &Files) {
    for path in files.paths() {
        say::done(&path.display().to_string());
    }
    let (name, actions) = (&new.name, ["read", "create", "update", "delete"]);
    if new.grant.is_empty() {
        let permissions = actions.map(|action| format!("\"{action}:{name}\""));
        say::quietly("what nothing grants is denied: who may is said in [access.roles] of config/default.toml, as in");
        say::command(&format!("editor = [{}]", permissions.join(", ")));
        say::quietly("a role with \"*\" may already");
    }
}

/// Writes a migration where the app has migrations; in development alone, none is needed.
fn migrate(new: &New, app: &App) -> Result {
    if !has_migrations(&app.folder) {
        return Ok(());
    }
    let name = format!("add_{}", new.name);
    say::step(&format!("cargo run -- migrate diff {name}"));
    let said = tools::stdout(&mut app.command(&["migrate", "diff", &name])).map_err(|why| {
        format!(
            "{}\nthe service is there, its migration is not: once the app compiles, cargo run -- migrate diff {name}",
            why.0
        )
    })?;
    said.lines().for_each(say::done);
    Ok(())
}

fn has_migrations(folder: &Path) -> bool {
    fs::read_dir(folder.join("migrations")).is_ok_and(|mut entries| entries.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between `after` and `before` in a source of the framework.
    fn between<'a>(source: &'a str, after: &str, before: &str) -> &'a str {
        source.split_once(after).unwrap().1.split_once(before).unwrap().0
    }

    #[test]
    fn no_model_hides_what_services_use() {
        let prelude = between(include_str!("../../../tollgate/src/lib.rs"), "pub mod prelude {", "};");
        let types = prelude.split(|c: char| !c.is_alphanumeric()).filter(|word| word.starts_with(char::is_uppercase));
        assert!(types.clone().count() > 20);
        for ty in types {
            assert!(check_taken("films", ty).is_err(), "{ty}");
        }
        check_taken("films", "Film").unwrap();
    }

    #[test]
    fn no_service_takes_a_path_of_the_framework() {
        let app = include_str!("../../../tollgate/src/app.rs");
        let paths = between(between(app, "fn check_paths", "contains"), "let below", "exactly.");
        for name in paths.split('"').filter_map(|path| path.strip_prefix('/')).map(|path| path.trim_end_matches('/')) {
            let could_be_one = words::check_identifier("a service", name, false).is_ok();
            assert!(!could_be_one || check_taken(name, "Film").is_err(), "{name}");
        }
    }
}
