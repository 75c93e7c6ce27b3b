//! `#[output(row)]`: a struct that can be read from the columns with the names of its fields.
use crate::emit::text;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Attribute, Error, Fields, Item, ItemStruct, Meta, Result, parse::Parser, spanned::Spanned};

/// Whether `row` is said, in this attribute or in one of the others on the type.
pub(crate) fn is_said(said: TokenStream, others: &[Attribute]) -> Result<bool> {
    let lists = others.iter().filter_map(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("output") => Some(list.tokens.clone()),
        _ => None,
    });
    let mut row = false;
    for said in lists.chain([said]) {
        let parser = syn::meta::parser(|meta| {
            row = meta.path.is_ident("row");
            if row { Ok(()) } else { Err(meta.error("`#[output]` knows `row`")) }
        });
        parser.parse2(said)?;
    }
    Ok(row)
}

/// The `FromRow` impl.
pub(crate) fn from_row(item: &Item) -> Result<TokenStream> {
    let Item::Struct(ItemStruct { ident: name, fields: Fields::Named(named), .. }) = item else {
        return Err(Error::new(item.span(), "what is read from a row is a struct with named fields"));
    };
    let fields = named.named.iter().filter_map(|field| field.ident.as_ref().map(|ident| (ident, &field.ty)));
    let columns = fields.clone().map(|(ident, _)| text(ident));
    let kinds = fields.clone().map(|(_, ty)| quote_spanned!(ty.span() => <#ty as ::tollgate::__private::Cell>::KIND));
    let read = fields.enumerate().map(|(index, (ident, ty))| {
        let read = quote_spanned!(ty.span() => row.read::<#ty>(#index)?);
        quote!(#ident: #read)
    });
    Ok(quote! {
        impl ::tollgate::__private::FromRow for #name {
            const COLUMNS: &'static [&'static str] = &[#(#columns),*];
            const KINDS: &'static [::tollgate::__private::Kind] = &[#(#kinds),*];
            fn read(row: &dyn ::tollgate::__private::Row) -> ::tollgate::__private::Result<Self> {
                ::core::result::Result::Ok(Self { #(#read,)* })
            }
        }
    })
}
