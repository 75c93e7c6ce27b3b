//! `#[garde(…)]` as calls of garde's rules.
//!
//! garde's own derive writes `::garde::…`, which would make every app depend on garde, and it cannot look into
//! a `Change<T>`. Its rules are plain functions, so this module calls them: one line per rule.
//!
//! One difference is on purpose: the length of a text is counted in **characters**, as JSON Schema's
//! `maxLength` does. (garde counts bytes unless told, and the document would lie.)
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, Error, Expr, GenericArgument, Ident, PathArguments, PathSegment, Result, Token, Type, parenthesized,
    parse::ParseStream, parse::Parser, punctuated::Punctuated, spanned::Spanned,
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

/// The checks of one field: statements that look at `value: &T`, know `at` and add to `faults`.
pub(crate) fn checks(attributes: &[Attribute], ty: &Type) -> Result<TokenStream> {
    let mut out = TokenStream::new();
    for attribute in attributes {
        out.extend(checks_of(attribute.meta.require_list()?.tokens.clone(), ty)?);
    }
    Ok(out)
}

fn checks_of(tokens: TokenStream, ty: &Type) -> Result<TokenStream> {
    rules(tokens)?.iter().map(|rule| check(rule, ty)).collect()
}

fn check(Rule { name, inside }: &Rule, ty: &Type) -> Result<TokenStream> {
    let call = |module: TokenStream, arguments: TokenStream| {
        quote_spanned! { name.span() =>
            faults.add(&at, ::tollgate::__private::garde::rules::#module::apply(value, #arguments));
        }
    };
    Ok(match name.to_string().as_str() {
        "skip" => TokenStream::new(),
        "dive" => quote_spanned! { name.span() => ::tollgate::__private::Input::check(value, &at, faults); },
        "ascii" | "alphanumeric" | "email" | "url" | "required" => call(name.to_token_stream(), quote!(())),
        "contains" | "prefix" | "suffix" => call(name.to_token_stream(), quote!((&#inside,))),
        "pattern" => call(name.to_token_stream(), pattern(inside)),
        "length" => call(measure(ty), bounds(inside)?.usize()),
        "range" => call(name.to_token_stream(), bounds(inside)?.options(name.span())),
        "custom" => quote_spanned! { inside.span() => faults.add(&at, (#inside)(value, &())); },
        "inner" => {
            let inner = checks_of(inside.clone(), item(without_option(ty)).unwrap_or(ty))?;
            let each = quote! {
                ::tollgate::__private::garde::rules::inner::apply(value, |value, key| {
                    let key = ::std::string::ToString::to_string(key);
                    let at = at.inside(&key);
                    #inner
                });
            };
            // To garde, what is in an `Option` would be its one item.
            if is_option(ty) { quote!(if let ::core::option::Option::Some(value) = value { #each }) } else { each }
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

/// Texts are measured in characters, collections in items.
fn measure(ty: &Type) -> TokenStream {
    let is_text = last(without_option(ty)).is_some_and(|name| name.ident == "String");
    if is_text { quote!(length::chars) } else { quote!(length::simple) }
}

fn is_option(ty: &Type) -> bool {
    last(ty).is_some_and(|name| name.ident == "Option")
}

fn without_option(ty: &Type) -> &Type {
    if is_option(ty) { item(ty).unwrap_or(ty) } else { ty }
}

/// What a type is of: `T` of `Vec<T>` and of `Option<T>`.
fn item(ty: &Type) -> Option<&Type> {
    let PathArguments::AngleBracketed(of) = &last(ty)?.arguments else { return None };
    of.args.iter().find_map(|of| if let GenericArgument::Type(ty) = of { Some(ty) } else { None })
}

fn last(ty: &Type) -> Option<&PathSegment> {
    if let Type::Path(path) = ty { path.path.segments.last() } else { None }
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
