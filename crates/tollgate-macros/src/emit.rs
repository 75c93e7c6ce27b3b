//! What is made: the struct, its two inputs, its constants and its `Resource` impl.
use crate::{
    data::{derives, rust_type},
    model::{Field, Model},
    sent::{new, new_name, patch, patch_name},
};
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Expr, ExprLit, Ident, Lit, Meta, ext::IdentExt, spanned::Spanned};

/// Everything that `#[resource]` writes.
pub(crate) fn resource(model: &Model) -> TokenStream {
    let parts = [stored, new, patch, constants, protected, row, implementation];
    parts.iter().map(|part| part(model)).collect()
}

/// `Movie`: what is stored and answered.
fn stored(Model { item, fields, .. }: &Model) -> TokenStream {
    let (vis, ident) = (&item.vis, &item.ident);
    // What is for a derive stands below it.
    let (about, attrs): (Vec<_>, Vec<_>) = item.attrs.iter().partition(|attribute| attribute.path().is_ident("doc"));
    let (derives, rust_type, debug) = (derives(&[quote!(Serialize)]), rust_type(ident), debug(ident, fields));
    let fields = item.fields.iter().zip(fields).map(|(written, Field { ident, ty, docs, garde, flags })| {
        let vis = &written.vis;
        let hidden = flags.hidden.then(|| quote!(#[serde(skip_serializing)] #[schemars(skip)]));
        quote! { #(#docs)* #(#garde)* #hidden #vis #ident: #ty }
    });
    quote! {
        #(#about)*
        #[allow(clippy::struct_field_names, reason = "`movie_id` is the column's name as well")]
        #[allow(clippy::derive_partial_eq_without_eq, reason = "a field may be a float")]
        #[derive(Clone, PartialEq)]
        #derives
        #rust_type
        #(#attrs)*
        #vis struct #ident { #(#fields,)* }
        impl ::tollgate::__private::Output for #ident {}
        #debug
    }
}

/// `Debug` without what is hidden: it ends up in logs.
pub(crate) fn debug(name: &Ident, fields: &[Field]) -> TokenStream {
    let title = text(name);
    let shown = fields.iter().filter(|field| !field.flags.hidden).map(|Field { ident, .. }| {
        let name = text(ident);
        quote!(.field(#name, &self.#ident))
    });
    let hides = fields.iter().any(|field| field.flags.hidden);
    let finish = if hides { quote!(finish_non_exhaustive) } else { quote!(finish) };
    quote! {
        impl ::core::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#title) #(#shown)* .#finish()
            }
        }
    }
}

/// The fields a caller may send, on creation or later, with their columns.
pub(crate) fn indexed(model: &Model, creating: bool) -> impl Iterator<Item = (usize, &Field)> {
    let open = move |field: &Field| !field.flags.server_set() && (creating || field.flags.id.is_none());
    model.fields.iter().enumerate().filter(move |(_, field)| open(field))
}

/// `Movie::RATING`, for filters and sorting.
fn constants(Model { item, fields, .. }: &Model) -> TokenStream {
    let resource = &item.ident;
    let constants = fields.iter().enumerate().map(|(index, Field { ident, ty, .. })| {
        let (constant, name) = (format_ident!("{}", text(ident).to_uppercase()), text(ident));
        let doc = format!(" The field `{name}`.");
        let field = quote_spanned!(ty.span() => ::tollgate::__private::Field::at(#index));
        quote! {
            #[doc = #doc]
            pub const #constant: ::tollgate::__private::Field<Self, #ty> = #field;
        }
    });
    quote! { impl #resource { #(#constants)* } }
}

/// What permissions call it, and which rows they reach unless the app says so itself.
fn protected(model: &Model) -> TokenStream {
    let (resource, plural) = (&model.item.ident, &model.arguments.plural);
    let own_rows = model.fields.iter().find(|field| field.flags.owner).map(|Field { ident, ty, .. }| {
        let constant = format_ident!("{}", text(ident).to_uppercase());
        let owner = quote_spanned!(ty.span() => <#ty as ::tollgate::__private::OwnerId>::of(actor));
        quote! {
            fn rows(
                actor: &::tollgate::__private::Actor,
                _: ::tollgate::__private::Act,
            ) -> ::tollgate::__private::Rows<Self> {
                ::tollgate::__private::Rows::Where(Self::#constant.eq(#owner))
            }
        }
    });
    let policy = (!model.arguments.policy).then(|| {
        quote! {
            #[diagnostic::do_not_recommend]
            impl ::tollgate::__private::Policy for #resource { #own_rows }
        }
    });
    // Who forgets `#[resource]` is told so, and not which other types have it.
    quote! {
        #[diagnostic::do_not_recommend]
        impl ::tollgate::__private::Protected for #resource {
            const PLURAL: &'static str = #plural;
            type Scope = ::tollgate::__private::Filter<Self>;
        }
        #policy
    }
}

/// A row shows its cells by index.
fn row(Model { item, fields, .. }: &Model) -> TokenStream {
    let resource = &item.ident;
    let arms = fields.iter().enumerate().map(|(index, Field { ident, ty, .. })| {
        // A type that no column holds is told of where it stands.
        let show = quote_spanned!(ty.span() => ::tollgate::__private::Cell::show(&self.#ident));
        quote!(#index => ::core::result::Result::Ok(#show))
    });
    quote! {
        impl ::tollgate::__private::Row for #resource {
            fn value(
                &self,
                column: usize,
            ) -> ::tollgate::__private::Result<::tollgate::__private::Value<'_>> {
                match column {
                    #(#arms,)*
                    column => ::core::result::Result::Err(::tollgate::__private::missing(column)),
                }
            }
        }
    }
}

/// The `Resource` impl.
fn implementation(model: &Model) -> TokenStream {
    let (resource, table) = (&model.item.ident, table(model));
    let Field { ident: id, ty: id_type, .. } = &model.fields[model.id()];
    let (new, patch) = (new_name(model), patch_name(model));
    let read = model.fields.iter().enumerate().map(|(index, Field { ident, ty, .. })| {
        let read = quote_spanned!(ty.span() => row.read(#index)?);
        quote!(#ident: #read)
    });
    let made = model.fields.iter().map(made);
    let (key, replaced) = replaced(model);
    let patched = indexed(model, false).map(|(index, Field { ident, ty, .. })| {
        let field = quote_spanned!(ty.span() => ::tollgate::__private::Set::field(#index, value));
        quote! {
            if let ::tollgate::__private::Change::Set(value) = &patch.#ident {
                set.push(#field);
            }
        }
    });
    quote! {
        #[diagnostic::do_not_recommend]
        impl ::tollgate::__private::Resource for #resource {
            const TABLE: &'static ::tollgate::__private::Table = #table;
            type Id = #id_type;
            type New = #new;
            type Patch = #patch;
            fn id(&self) -> Self::Id { ::core::clone::Clone::clone(&self.#id) }
            fn set_id(&mut self, id: Self::Id) { self.#id = id; }
            fn read(row: &dyn ::tollgate::__private::Row) -> ::tollgate::__private::Result<Self> {
                ::core::result::Result::Ok(Self { #(#read,)* })
            }
            #[allow(unused_variables, reason = "a resource may have nothing of either")]
            fn create(new: Self::New, stamp: &::tollgate::__private::Stamp<'_>) -> Self {
                Self { #(#made,)* }
            }
            #[allow(unused_variables, reason = "a resource may have nothing to write")]
            fn replace(
                new: Self::New,
            ) -> (::core::option::Option<Self::Id>, ::std::vec::Vec<::tollgate::__private::Set>) {
                let set = ::std::vec![#(#replaced,)*];
                (#key, set)
            }
            #[allow(unused_variables, unused_mut, reason = "a resource may have nothing to patch")]
            fn patch(patch: Self::Patch) -> ::std::vec::Vec<::tollgate::__private::Set> {
                let mut set = ::std::vec::Vec::new();
                #(#patched)*
                set
            }
        }
    }
}

fn table(model: &Model) -> TokenStream {
    let (plural, audited) = (&model.arguments.plural, model.arguments.audited);
    let (id, about) = (model.id(), doc_text(&model.item.attrs));
    let one = snake(&text(&model.item.ident)).replace('_', " ");
    let columns = model.fields.iter().map(column);
    let Field { ty, flags, .. } = &model.fields[id];
    let counted = if flags.generated {
        quote_spanned!(ty.span() => <#ty as ::tollgate::__private::GeneratedId>::COUNTED)
    } else {
        quote!(false)
    };
    let database = model
        .arguments
        .database
        .as_ref()
        .map_or_else(|| quote!(::core::option::Option::None), |name| quote!(::core::option::Option::Some(#name)));
    quote! {
        &::tollgate::__private::Table {
            name: #plural, one: #one, about: #about, columns: &[#(#columns,)*],
            id: #id, counted: #counted, database: #database, audited: #audited,
        }
    }
}

fn column(Field { ident, ty, flags, .. }: &Field) -> TokenStream {
    let name = text(ident);
    let filled = match flags {
        flags if flags.generated => Some(quote!(ByGenerator)),
        flags if flags.owner => Some(quote!(ByOwner)),
        flags if flags.created_at => Some(quote!(ByCreation)),
        flags if flags.updated_at => Some(quote!(ByUpdate)),
        flags if flags.version => Some(quote!(ByVersion)),
        flags if flags.read_only => Some(quote!(ByApp)),
        _ => None,
    };
    let filled = filled.map(|by| quote!(.filled(::tollgate::__private::Filled::#by)));
    let marks = [(flags.unique, quote!(.unique())), (flags.index, quote!(.index())), (flags.hidden, quote!(.hidden()))];
    let marks = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark);
    quote_spanned!(ty.span() => ::tollgate::__private::Column::of::<#ty>(#name) #filled #(#marks)*)
}

/// How a field is filled when a row is made.
fn made(Field { ident, ty, flags, .. }: &Field) -> TokenStream {
    let span = ty.span();
    let value = match flags {
        flags if flags.generated => quote_spanned!(span => ::tollgate::__private::GeneratedId::generate()),
        flags if flags.owner => quote_spanned!(span => ::tollgate::__private::OwnerId::of(stamp.actor)),
        flags if flags.created_at || flags.updated_at => quote_spanned!(span => stamp.now),
        flags if flags.version => quote_spanned!(span => 1),
        flags if flags.read_only => quote_spanned!(span => <#ty as ::core::default::Default>::default()),
        _ => quote!(new.#ident),
    };
    quote!(#ident: #value)
}

/// The key that a whole new row says, and the columns it fills.
fn replaced(model: &Model) -> (TokenStream, Vec<TokenStream>) {
    let Field { ident, flags, .. } = &model.fields[model.id()];
    let key = if flags.generated {
        quote!(::core::option::Option::None)
    } else {
        quote!(::core::option::Option::Some(new.#ident))
    };
    let field = |(index, Field { ident, ty, .. }): (usize, &Field)| quote_spanned!(ty.span() => ::tollgate::__private::Set::field(#index, &new.#ident));
    (key, indexed(model, false).map(field).collect())
}

pub(crate) fn text(ident: &Ident) -> String {
    ident.unraw().to_string()
}

pub(crate) fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// The words of a doc comment, in the shape that Markdown gives meaning to.
pub(crate) fn doc_text(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value()),
            other => Some(other.to_token_stream().to_string()),
        },
        _ => None,
    });
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    /// What the macro writes, as a person would have formatted it.
    fn expanded(arguments: TokenStream, item: TokenStream) -> String {
        let model = Model::parse(arguments, item).unwrap();
        prettyplease::unparse(&syn::parse2(resource(&model)).unwrap())
    }

    #[test]
    fn a_resource_with_every_attribute_expands_to_what_a_person_would_write() {
        let item = quote! {
            /// A book that someone writes.
            pub struct Book {
                #[id(generated)]
                pub book_id: i64,
                /// Whose it is.
                #[owner]
                pub author: String,
                #[unique]
                #[garde(length(min = 1, max = 200), pattern("^[^ ]"))]
                pub title: String,
                #[index]
                #[garde(range(min = 0.0, max = 10.0))]
                pub rating: Option<f64>,
                #[hidden]
                pub r#type: Option<String>,
                #[read_only]
                pub words: i64,
                #[version]
                pub version: i64,
                #[created_at]
                pub created: Timestamp,
                #[updated_at]
                pub updated: Timestamp,
            }
        };
        insta::assert_snapshot!(expanded(quote!(plural = "books", database = "library", audited), item));
    }

    #[test]
    fn a_resource_with_a_key_of_its_own_and_a_policy_expands_to_less() {
        let item = quote! {
            struct Word {
                #[id]
                word: String,
            }
        };
        insta::assert_snapshot!(expanded(quote!(plural = "words", policy), item));
    }
}
