//! `#[garde(…)]` as calls of garde's rules.
//!
//! garde's own derive writes `::garde::…`, which would make every app depend on garde, and it cannot look into
//! a `Change<T>`. Its rules are plain functions, so this module calls them: one line per rule.
//!
//! One difference is on purpose: the length of a text is counted in **characters**, as JSON Schema's
//! `maxLength` does. (garde counts bytes unless told, and the document would lie.) That, ranges and items are traits of
//! `tollgate-core`, so that it is the type that decides, and not how it is spelled.
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, Error, Expr, Ident, Result, Token, parenthesized, parse::ParseStream, parse::Parser,
    punctuated::Punctuated, spanned::Spanned,
};

/// Every rule that [`check`] knows.
const RULES: [&str; 15] = [
    "alphanumeric",
    "ascii",
    "contains",
    "custom",
    "dive",
    "email",
    "inner",
    "length",
    "pattern",
    "prefix",
    "range",
    "required",
    "skip",
    "suffix",
    "url",
];

/// One rule, as in `range(min = 0)` or `email`.
struct Rule {
    name: Ident,
    inside: TokenStream,
}

fn rule(input: ParseStream) -> Result<Rule> {
    let name: Ident = input.parse()?;
    if input.peek(Token![=]) {
        return Err(
            input.error(format!("a bound belongs to a rule, as in `range({name} = …)` or `length({name} = …)`"))
        );
    }
    if !input.peek(syn::token::Paren) {
        return Ok(Rule { name, inside: TokenStream::new() });
    }
    let inside;
    parenthesized!(inside in input);
    Ok(Rule { name, inside: inside.parse()? })
}

fn rules(tokens: TokenStream) -> Result<Punctuated<Rule, Token![,]>> {
    (|input: ParseStream| Punctuated::parse_terminated_with(input, rule)).parse2(tokens)
}

/// The checks of one field, after those of its own type: statements that look at `value: &T`, know `at` and add to
/// `faults`. Nothing, where the field says `skip`.
pub(crate) fn checks(attributes: &[Attribute], own: &TokenStream) -> Result<Option<TokenStream>> {
    let mut said = vec![];
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("garde")) {
        said.extend(rules(attribute.meta.require_list()?.tokens.clone())?);
    }
    let mut out = own.clone();
    for rule in &said {
        out.extend(check(rule)?);
    }
    Ok((!said.iter().any(|rule| rule.name == "skip")).then_some(out))
}

fn check(Rule { name, inside }: &Rule) -> Result<TokenStream> {
    let call = |module: TokenStream, arguments: TokenStream| {
        quote_spanned! { name.span() =>
            faults.add(&at, ::tollgate::__private::garde::rules::#module::apply(value, #arguments));
        }
    };
    let ask = |rule: TokenStream, bounds: TokenStream| quote_spanned!(name.span() => faults.add(&at, ::tollgate::__private::#rule(value, #bounds)););
    Ok(match name.to_string().as_str() {
        // An input within is checked in any case; who is used to garde says so.
        "skip" | "dive" => TokenStream::new(),
        "ascii" | "alphanumeric" | "email" | "url" | "required" => call(name.to_token_stream(), quote!(())),
        "contains" | "prefix" | "suffix" => call(name.to_token_stream(), quote!((&#inside,))),
        "pattern" => call(name.to_token_stream(), pattern(inside)),
        "length" => ask(quote_spanned!(name.span() => Length::length), bounds(inside)?.usize()),
        "range" => ask(quote_spanned!(name.span() => Range::range), bounds(inside)?.options(name.span())),
        "custom" => quote_spanned! { inside.span() => faults.add(&at, (#inside)(value, &())); },
        "inner" => {
            let inner = rules(inside.clone())?.iter().map(check).collect::<Result<TokenStream>>()?;
            quote_spanned! { name.span() =>
                ::tollgate::__private::Items::each(value, |value, key| {
                    let at = at.inside(key);
                    #inner
                });
            }
        }
        other => {
            return Err(Error::new(name.span(), format!("there is no rule `{other}`; there are {}", RULES.join(", "))));
        }
    })
}

fn pattern(text: &TokenStream) -> TokenStream {
    quote!({
        use ::tollgate::__private::garde::rules::pattern::regex;
        static PATTERN: regex::StaticPattern = regex::init_pattern!(#text);
        (&PATTERN,)
    })
}

/// `min = …, max = …, equal = …`.
#[derive(Default)]
struct Bounds {
    min: Option<Expr>,
    max: Option<Expr>,
}

fn bounds(tokens: &TokenStream) -> Result<Bounds> {
    let mut bounds = Bounds::default();
    let parser = syn::meta::parser(|meta| {
        let value: Expr = meta.value()?.parse()?;
        match meta.path.get_ident().map(ToString::to_string).as_deref() {
            Some("min") => bounds.min = Some(value),
            Some("max") => bounds.max = Some(value),
            Some("equal") => bounds = Bounds { min: Some(value.clone()), max: Some(value) },
            _ => return Err(meta.error("a bound is `min`, `max` or `equal`")),
        }
        Ok(())
    });
    parser.parse2(tokens.clone())?;
    Ok(bounds)
}

impl Bounds {
    fn usize(&self) -> TokenStream {
        let min = self.min.as_ref().map_or(quote!(0), ToTokens::to_token_stream);
        let max = self.max.as_ref().map_or(quote!(::core::primitive::usize::MAX), ToTokens::to_token_stream);
        quote!((#min, #max))
    }

    fn options(&self, span: Span) -> TokenStream {
        let option = |bound: &Option<Expr>| {
            bound.as_ref().map_or(
                quote_spanned!(span => ::core::option::Option::None),
                |bound| quote_spanned!(span => ::core::option::Option::Some(#bound)),
            )
        };
        let (min, max) = (option(&self.min), option(&self.max));
        quote_spanned!(span => (#min, #max))
    }
}
