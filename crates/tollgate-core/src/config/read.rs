//! From layers to one tree of values, each of which knows where it was said.

use super::{
    Configuration, Invalid, Sources, dotenv,
    shape::Shape,
    text_of,
    values::{At, object},
    variables,
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// Environments that everybody has, so that a file or a shell may hold the settings of all of them.
const ENVIRONMENTS: [&str; 3] = ["dev", "stage", "prod"];

const IN_DOTENV: &str = " in .env";

impl Sources {
    /// Joins all layers; what is wrong with them is told by [`Configuration::check`].
    ///
    /// # Errors
    /// A file that cannot be read; an environment that is no name.
    pub fn read(&self, schema: Value) -> Result<Configuration, Invalid> {
        let dotenv = text_of(&self.dotenv)?.map_or(Ok(vec![]), |text| dotenv::parse(&text))?;
        check_spellings(&self.prefix, dotenv.iter().map(|(name, value)| (name, value)))?;
        check_spellings(&self.prefix, self.variables.iter())?;
        let (env, place) = self.environment(&dotenv)?;
        let mut configuration = Configuration::new(&self.prefix, &self.folder, &env, schema);
        configuration.places.insert(vec!["env".into()], place);
        let known = self.environments(&env);
        for (of, text) in &self.built_in {
            let place = of.map_or_else(|| "built in".to_owned(), |of| format!("built in for {of}"));
            if of.is_none_or(|of| of.eq_ignore_ascii_case(&env)) {
                configuration.add_toml(&place, text, &known)?;
            }
        }
        for name in ["default", &env] {
            let path = self.file(name);
            if let Some(text) = text_of(&path)? {
                configuration.add_toml(&path.display().to_string(), &text, &known)?;
            }
        }
        configuration.add_variables(&dotenv.into_iter().collect(), IN_DOTENV, &known);
        let own = self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        configuration.add_variables(&own, "", &known);
        configuration.look_for_missing();
        configuration.doubt = self.doubt(&configuration);
        Ok(configuration)
    }

    /// An environment of which nothing knows may be another's name, misspelt.
    fn doubt(&self, configuration: &Configuration) -> Option<String> {
        let env = configuration.env.as_str();
        let mut others: BTreeSet<_> = self.of_their_own().chain(configuration.spoken_of.iter().cloned()).collect();
        if env == "dev" || others.contains(env) {
            return None;
        }
        others.retain(|name| name != "dev" && name != "default");
        if others.is_empty() {
            return None;
        }
        let others = others.into_iter().collect::<Vec<_>>().join("`, `");
        Some(format!("nothing is said for the environment `{env}`; there are settings for `{others}`"))
    }

    /// `{PREFIX}_ENV`, else `dev`; and where that was said.
    fn environment(&self, dotenv: &[(String, String)]) -> Result<(String, String), Invalid> {
        let name = format!("{}_ENV", self.prefix);
        let of_process = self.variables.iter().map(|variable| (variable, ""));
        // Of two lines of a file the last counts, as in a shell.
        let of_file = dotenv.iter().rev().map(|(key, value)| ((key, value), IN_DOTENV));
        let mut said = of_process.chain(of_file).filter(|((key, _), _)| key.eq_ignore_ascii_case(&name));
        let Some(((key, env), file)) = said.next() else { return Ok(("dev".into(), "default".into())) };
        if env.is_empty() || !env.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Err(Invalid(format!("{name} is a name such as `dev` or `prod`, of letters, digits, `-` and `_`")));
        }
        Ok((env.to_ascii_lowercase(), format!("{key}{file}")))
    }

    /// Those that settings may be named for.
    fn environments(&self, env: &str) -> BTreeSet<String> {
        let named = ENVIRONMENTS.into_iter().chain([env]).map(str::to_owned);
        named.chain(self.of_their_own()).collect()
    }

    /// Those that something is built in for, or that have a file.
    fn of_their_own(&self) -> impl Iterator<Item = String> {
        let built_in = self.built_in.iter().filter_map(|(of, _)| *of).map(str::to_owned);
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let toml = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        let stems = toml.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
        built_in.chain(stems).map(|name| name.to_ascii_lowercase())
    }

    /// The file of that environment, however its name is spelt.
    fn file(&self, env: &str) -> PathBuf {
        let own = self.folder.join(format!("{env}.toml"));
        let is_it = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().eq_ignore_ascii_case(&format!("{env}.toml")))
        };
        let files = || std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        if own.exists() { own } else { files().find(is_it).unwrap_or(own) }
    }
}

/// Names of variables know no case, so one that is there in two spellings says two things, and chance would decide.
fn check_spellings<'v>(prefix: &str, all: impl Iterator<Item = (&'v String, &'v String)>) -> Result<(), Invalid> {
    let is_ours = |name: &str| {
        let start = name.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix));
        start.is_some() && name[prefix.len()..].starts_with('_')
    };
    let mut known = BTreeMap::new();
    for (name, value) in all.filter(|(name, _)| is_ours(name)) {
        let before = known.insert(name.to_ascii_lowercase(), (name, value));
        if let Some((other, _)) = before.filter(|(other, said)| *other != name && *said != value) {
            let (one, two) = if name < other { (name, other) } else { (other, name) };
            return Err(Invalid(format!(
                "{one} and {two} are one setting and say different things: leave one of them"
            )));
        }
    }
    Ok(())
}

impl Configuration {
    fn add_toml(&mut self, place: &str, text: &str, environments: &BTreeSet<String>) -> Result<(), Invalid> {
        // The error of the parser shows the line, which may hold a password.
        let wrong = |error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            Invalid(format!("{place}, line {line}: {}", error.message()))
        };
        let mut layer: Map<String, Value> = toml::from_str(text).map_err(wrong)?;
        let schema = std::mem::take(&mut self.schema);
        pick(&mut layer, Shape(&schema), &self.env, environments, &mut self.spoken_of);
        self.merge(&mut vec![], layer, Shape(&schema), place);
        self.schema = schema;
        Ok(())
    }

    fn merge(&mut self, path: &mut Vec<String>, layer: Map<String, Value>, shape: Shape<'_>, place: &str) {
        for (key, value) in layer {
            path.push(key);
            let known = path.last().and_then(|key| shape.property(key));
            match (known, value) {
                (None, _) => self.unknown(place, path, shape),
                (Some(shape), Value::Object(inner)) if shape.is_group() => {
                    object(self.make(path));
                    self.merge(path, inner, shape, place);
                }
                (Some(_), value) => self.set(path, value, place),
            }
            path.pop();
        }
    }

    fn add_variables(&mut self, variables: &BTreeMap<String, String>, place: &str, environments: &BTreeSet<String>) {
        let schema = std::mem::take(&mut self.schema);
        let mut given: Vec<_> = variables
            .iter()
            .filter_map(|(name, text)| Some((variables::path(&self.prefix, name)?, name, text)))
            .filter(|(path, _, text)| !variables::is_of_kubernetes(path, text))
            .collect();
        // What is said for this environment comes last, and wins.
        given.sort_by_key(|(path, ..)| path.last() == Some(&self.env.to_ascii_lowercase()));
        for (path, name, text) in given {
            let place = format!("{name}{place}");
            match self.find(path, Shape(&schema), environments) {
                At::Setting(path, shape) => self.set(&path, variables::value(text, shape), &place),
                At::OtherEnvironment => (),
                At::Nowhere(path, shape) => self.unknown(&place, &path, shape),
            }
        }
        self.schema = schema;
    }

    /// Which setting a variable's name means.
    fn find<'s>(&mut self, path: Vec<String>, mut shape: Shape<'s>, environments: &BTreeSet<String>) -> At<'s> {
        let mut found: Vec<String> = vec![];
        for name in path {
            let is_entry = !shape.properties().iter().any(|(own, _)| *own == name);
            let mut name = if is_entry { variables::as_written(self.group(&found), &name) } else { name };
            if let Some(general) = shape.by_environment().filter(|_| is_entry && environments.contains(&name)) {
                self.spoken_of.insert(name.to_ascii_lowercase());
                if !name.eq_ignore_ascii_case(&self.env) {
                    return At::OtherEnvironment;
                }
                general.clone_into(&mut name);
            }
            let next = shape.property(&name);
            found.push(name);
            match next {
                Some(next) => shape = next,
                None => return At::Nowhere(found, shape),
            }
        }
        At::Setting(found, shape)
    }
}

/// Of settings that are said for each environment, keeps that of this one: `stage = "…"` in `[database]` is its `url`.
/// Tells for which there was one.
fn pick(
    layer: &mut Map<String, Value>,
    shape: Shape<'_>,
    env: &str,
    environments: &BTreeSet<String>,
    spoken_of: &mut BTreeSet<String>,
) {
    if let Some(general) = shape.by_environment() {
        let is_one = |key: &String| shape.property(key).is_none() && environments.contains(&key.to_ascii_lowercase());
        for name in layer.keys().filter(|key| is_one(key)).cloned().collect::<Vec<_>>() {
            spoken_of.insert(name.to_ascii_lowercase());
            if let Some(value) = layer.remove(&name)
                && name.eq_ignore_ascii_case(env)
            {
                layer.insert(general.to_owned(), value);
            }
        }
    }
    for (key, value) in layer.iter_mut() {
        if let (Some(shape), Value::Object(inner)) = (shape.property(key), value) {
            pick(inner, shape, env, environments, spoken_of);
        }
    }
}
