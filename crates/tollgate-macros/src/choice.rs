//! `#[choice]`: an enum of names, one of which a column holds, as text.
use crate::{
    data::{derives, rust_type},
    model::Errors,
    names::Said,
};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemEnum, Result, spanned::Spanned};

/// Letters that stand around names: in a list of them in an address, and in what databases are told.
const NOT_IN_A_NAME: [char; 7] = [',', '\'', '"', '\\', '*', '(', ')'];

/// Writes the derives, and what an input, an output and a column need.
pub(crate) fn choice(said: &TokenStream, item: TokenStream) -> Result<TokenStream> {
    let item: ItemEnum =
        syn::parse2(item).map_err(|error| Error::new(error.span(), "`#[choice]` describes an enum of names"))?;
    let names = names(said, &item)?;
    let (ident, variants) = (&item.ident, item.variants.iter().map(|variant| &variant.ident));
    let (variants, others) = (variants.clone(), variants);
    let (derives, rust_type) = (derives(&[quote!(Deserialize), quote!(Serialize)]), rust_type(ident));
    Ok(quote! {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #derives
        #rust_type
        #item
        impl ::tollgate::__private::Input for #ident {
            fn check(&self, _: &::tollgate::__private::At<'_>, _: &mut ::tollgate::__private::Faults) {}
        }
        impl ::tollgate::__private::Output for #ident {}
        impl ::tollgate::__private::Ordered for #ident {}
        impl ::tollgate::__private::Cell for #ident {
            type Plain = Self;
            const KIND: ::tollgate::__private::Kind = ::tollgate::__private::Kind::Choice(&[#(#names),*]);
            fn show(&self) -> ::tollgate::__private::Value<'_> {
                let name = match self { #(Self::#variants => #names,)* };
                ::tollgate::__private::Value::Text(::std::borrow::Cow::Borrowed(name))
            }
            fn read(value: ::tollgate::__private::Value<'_>) -> ::core::option::Option<Self> {
                let ::tollgate::__private::Value::Text(name) = value else { return ::core::option::Option::None };
                match &*name {
                    #(#names => ::core::option::Option::Some(Self::#others),)*
                    _ => ::core::option::Option::None,
                }
            }
        }
    })
}

/// How each variant is written; all mistakes are reported together.
fn names(said: &TokenStream, item: &ItemEnum) -> Result<Vec<String>> {
    const ONLY_NAMES: &str = "how a choice is written is said with `rename` and `rename_all` alone";
    let (mut errors, mut names, all) = (Errors::default(), vec![], Said::of(&item.attrs));
    if !said.is_empty() {
        errors.add(said.span(), "`#[choice]` takes nothing");
    }
    if !item.generics.params.is_empty() {
        errors.add(item.generics.span(), "a choice cannot be generic: it has one name in the document");
    }
    if all.is_more_than_names() {
        errors.add(item.ident.span(), ONLY_NAMES);
    }
    if item.variants.is_empty() {
        errors.add(item.ident.span(), "there is nothing to choose from");
    }
    for variant in &item.variants {
        let said = Said::of(&variant.attrs);
        let name = said.name_of_variant(&variant.ident, all.rename_all.as_deref());
        if !variant.fields.is_empty() {
            errors.add(variant.fields.span(), "a choice is a name and nothing more: a column holds it as text");
        }
        if said.is_more_than_names() {
            errors.add(variant.ident.span(), ONLY_NAMES);
        }
        if name.is_empty() || name.contains(|letter: char| letter.is_control() || NOT_IN_A_NAME.contains(&letter)) {
            errors.add(
                variant.ident.span(),
                "the name of a choice has letters, and no comma, quote, bracket, `\\` or `*`",
            );
        }
        if names.contains(&name) {
            errors.add(variant.ident.span(), &format!("there are two choices `{name}`"));
        }
        names.push(name);
    }
    errors.finish().map(|()| names)
}
