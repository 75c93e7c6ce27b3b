//! What `#[serde(…)]` says of names: under which a field or a variant is sent.
use crate::emit::snake;
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Ident, LitStr, Result, Token, ext::IdentExt, meta::ParseNestedMeta, spanned::Spanned};

/// What `#[serde(…)]` says, of a type, a variant or a field, as far as it decides what an input looks like.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one word")]
pub(crate) struct Said {
    pub rename: Option<String>,
    pub rename_all: Option<String>,
    pub rename_all_fields: Option<String>,
    pub tag: Option<String>,
    pub content: Option<String>,
    pub untagged: bool,
    pub transparent: bool,
    pub default: bool,
    /// Nothing is read into it.
    pub skip: bool,
    pub flatten: Option<Span>,
    /// Something else, which changes how it is read.
    pub more: bool,
}

impl Said {
    /// Serde's own derive says what is wrong with an attribute that cannot be understood.
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        let mut said = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            if attribute.parse_nested_meta(|meta| said.hear(&meta)).is_err() {
                said.more = true;
            }
        }
        said
    }

    /// Whether it says anything but what a name is.
    pub(crate) fn is_more_than_names(&self) -> bool {
        let changes_reading = self.more || self.untagged || self.skip || self.default || self.transparent;
        changes_reading || self.tag.is_some() || self.content.is_some() || self.flatten.is_some()
    }

    fn hear(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        let text = text(meta)?;
        match name.as_str() {
            "rename" => self.rename = text,
            "rename_all" => self.rename_all = text,
            "rename_all_fields" => self.rename_all_fields = text,
            "tag" => self.tag = text,
            "content" => self.content = text,
            "untagged" => self.untagged = true,
            "transparent" => self.transparent = true,
            "default" => self.default = true,
            "skip" | "skip_deserializing" => self.skip = true,
            "flatten" => self.flatten = Some(meta.path.span()),
            // They are about what is sent.
            "serialize_with" | "skip_serializing" | "skip_serializing_if" | "deny_unknown_fields" => {}
            _ => self.more = true,
        }
        Ok(())
    }

    /// How a field is called: by its own name, unless something renames it.
    pub(crate) fn name_of_field(&self, field: &Ident, all: Option<&str>) -> String {
        let own = field.unraw().to_string();
        let pascal: String = own.split('_').map(|word| with_first(word, char::to_ascii_uppercase)).collect();
        self.rename.clone().unwrap_or_else(|| renamed(&own, &pascal, &own, all))
    }

    /// How a variant is called.
    pub(crate) fn name_of_variant(&self, variant: &Ident, all: Option<&str>) -> String {
        let own = variant.unraw().to_string();
        self.rename.clone().unwrap_or_else(|| renamed(&own, &own, &snake(&own), all))
    }
}

/// What is said behind the name: `= "text"`, `(deserialize = "text")`, or something that is not about names.
fn text(meta: &ParseNestedMeta<'_>) -> Result<Option<String>> {
    if meta.input.peek(Token![=]) {
        return meta.value()?.parse::<LitStr>().map(|text| Some(text.value()));
    }
    let mut text = None;
    if meta.input.peek(syn::token::Paren) {
        meta.parse_nested_meta(|inner| {
            let said = inner.value()?.parse::<LitStr>()?;
            if inner.path.is_ident("deserialize") {
                text = Some(said.value());
            }
            Ok(())
        })?;
    }
    Ok(text)
}

/// A name in the case that serde calls so.
fn renamed(own: &str, pascal: &str, snake: &str, case: Option<&str>) -> String {
    match case {
        Some("lowercase") => own.to_ascii_lowercase(),
        Some("UPPERCASE") => own.to_ascii_uppercase(),
        Some("PascalCase") => pascal.to_owned(),
        Some("camelCase") => with_first(pascal, char::to_ascii_lowercase),
        Some("snake_case") => snake.to_owned(),
        Some("SCREAMING_SNAKE_CASE") => snake.to_ascii_uppercase(),
        Some("kebab-case") => snake.replace('_', "-"),
        Some("SCREAMING-KEBAB-CASE") => snake.to_ascii_uppercase().replace('_', "-"),
        _ => own.to_owned(),
    }
}

fn with_first(word: &str, change: fn(&char) -> char) -> String {
    let mut letters = word.chars();
    letters.next().iter().map(change).chain(letters).collect()
}

/// The `#[cfg(…)]` of a field, which everything that names the field needs as well.
pub(crate) fn cfg(attributes: &[Attribute]) -> TokenStream {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).map(ToTokens::to_token_stream).collect()
}
