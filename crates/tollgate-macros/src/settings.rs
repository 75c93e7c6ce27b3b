//! `#[settings]`: a group of settings of an app's own.

use crate::data::derives;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Error, Expr, Fields, Ident, ItemStruct, Result, Type, spanned::Spanned};

/// Writes the derives, and a function for each default.
pub(crate) fn settings(said: &TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !said.is_empty() {
        return Err(Error::new(
            said.span(),
            "`#[settings]` takes nothing: the app says where they are, with `App::config`",
        ));
    }
    let mut item: ItemStruct = syn::parse2(item)?;
    let Fields::Named(named) = &mut item.fields else {
        return Err(Error::new(item.span(), "`#[settings]` describes a struct with named fields"));
    };
    let mut functions = vec![];
    for field in &mut named.named {
        let is_default = |attribute: &mut Attribute| attribute.path().is_ident("default");
        let Some(default) = field.attrs.extract_if(.., is_default).next() else { continue };
        let ident = field.ident.as_ref().ok_or_else(|| Error::new(default.span(), "a field has a name"))?;
        let name = format_ident!("default_{ident}");
        let path = format!("{}::{name}", item.ident);
        field.attrs.push(syn::parse_quote!(#[serde(default = #path)]));
        functions.push(function(&name, &field.ty, &default.parse_args()?));
    }
    let (derives, ident) = (derives(&[quote!(Deserialize)]), &item.ident);
    Ok(quote! {
        #derives
        #[serde(deny_unknown_fields)]
        #item
        impl #ident { #(#functions)* }
    })
}

fn function(name: &Ident, ty: &Type, value: &Expr) -> TokenStream {
    quote!(fn #name() -> #ty { #value })
}

#[cfg(test)]
mod tests {
    use super::settings;
    use quote::quote;

    #[test]
    fn settings_expand_to_what_a_person_would_write() {
        let item = quote! {
            /// Where posters come from.
            struct Posters {
                /// The address.
                url: String,
                /// How many.
                #[default(3)]
                at_once: u8,
            }
        };
        insta::assert_snapshot!(prettyplease::unparse(&syn::parse2(settings(&quote!(), item).unwrap()).unwrap()));
    }

    #[test]
    fn settings_have_names() {
        let pair = quote!(
            struct Pair(u8, u8);
        );
        let said = settings(&quote!(), pair).unwrap_err().to_string();
        assert_eq!(said, "`#[settings]` describes a struct with named fields");
    }
}
