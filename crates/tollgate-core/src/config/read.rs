//! From layers to one tree of values, each of which knows where it was said.

use super::{
    Configuration, Invalid, Sources, dotenv,
    shape::Shape,
    text_of,
    values::{At, object},
    variables,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

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
        let (env, place) = self.environment(&dotenv)?;
        let mut configuration = Configuration::new(&self.prefix, &self.folder, &env, schema);
        configuration.places.insert(vec!["env".into()], place);
        let known = self.environments(&env);
        for (of, text) in &self.built_in {
            let place = of.map_or_else(|| "built in".to_owned(), |of| format!("built in for {of}"));
            if of.is_none_or(|of| of == env) {
                configuration.add_toml(&place, text, &known)?;
            }
        }
        for name in ["default", &env] {
            let path = self.folder.join(format!("{name}.toml"));
            if let Some(text) = text_of(&path)? {
                configuration.add_toml(&path.display().to_string(), &text, &known)?;
            }
        }
        configuration.add_variables(&dotenv.into_iter().collect(), IN_DOTENV, &known);
        let own = self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        configuration.add_variables(&own, "", &known);
        configuration.look_for_missing();
        Ok(configuration)
    }

    /// `{PREFIX}_ENV`, else `dev`; and where that was said.
    fn environment(&self, dotenv: &[(String, String)]) -> Result<(String, String), Invalid> {
        let name = format!("{}_ENV", self.prefix);
        let of_process = self.variables.iter().map(|variable| (variable, ""));
        let of_file = dotenv.iter().map(|(key, value)| ((key, value), IN_DOTENV));
        let mut said = of_process.chain(of_file).filter(|((key, _), _)| key.eq_ignore_ascii_case(&name));
        let Some(((key, env), file)) = said.next() else { return Ok(("dev".into(), "default".into())) };
        if env.is_empty() || !env.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Err(Invalid(format!("{name} is a name such as `dev` or `prod`, of letters, digits, `-` and `_`")));
        }
        Ok((env.clone(), format!("{key}{file}")))
    }

    /// Those that settings may be named for.
    fn environments(&self, env: &str) -> BTreeSet<String> {
        let built_in = self.built_in.iter().filter_map(|(of, _)| *of);
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let toml = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        let stems = toml.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
        let named = ENVIRONMENTS.into_iter().chain(built_in).chain([env]).map(str::to_owned);
        named.chain(stems).map(|name| name.to_ascii_lowercase()).collect()
    }
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
        pick(&mut layer, Shape(&schema), &self.env, environments);
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
    fn find<'s>(&self, path: Vec<String>, mut shape: Shape<'s>, environments: &BTreeSet<String>) -> At<'s> {
        let mut found: Vec<String> = vec![];
        for name in path {
            let is_entry = !shape.properties().iter().any(|(own, _)| *own == name);
            let mut name = if is_entry { variables::as_written(self.group(&found), &name) } else { name };
            if let Some(general) = shape.by_environment().filter(|_| is_entry && environments.contains(&name)) {
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
fn pick(layer: &mut Map<String, Value>, shape: Shape<'_>, env: &str, environments: &BTreeSet<String>) {
    if let Some(general) = shape.by_environment() {
        let is_one = |key: &String| shape.property(key).is_none() && environments.contains(&key.to_ascii_lowercase());
        for name in layer.keys().filter(|key| is_one(key)).cloned().collect::<Vec<_>>() {
            if let Some(value) = layer.remove(&name)
                && name.eq_ignore_ascii_case(env)
            {
                layer.insert(general.to_owned(), value);
            }
        }
    }
    for (key, value) in layer.iter_mut() {
        if let (Some(shape), Value::Object(inner)) = (shape.property(key), value) {
            pick(inner, shape, env, environments);
        }
    }
}
