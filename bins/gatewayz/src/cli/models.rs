//! `gatewayz models`

use std::num::NonZeroU32;

use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser, value_parser};
use gatewayz_cache_core::Lookup;
use gatewayz_catalog::{
    CatalogError, Filter, Gateway, Page, Price, Query, Quote, Snapshot, Sort, SortBy, Start, Token, UniqueQuery,
    UniqueShape, UniqueSortBy, Window,
};

use super::{
    context::{Globals, block_on, open_for_reading, provider},
    failure::{Exit, Failure},
    money::per_million,
    output,
    table::{Table, left, right, thousands},
};
use crate::config::Loaded;

pub(super) fn command() -> Command {
    Command::new("models")
        .about("Lists models from the database")
        .after_help("Prices are in US dollars per million tokens; `-`: not known.")
        .args([
            value("gateway", "NAME", "Whose: a provider, or `all`").default_value("all"),
            value(
                "provider",
                "TEXT",
                "With this text in the id, or of this developer or provider",
            ),
            value("search", "TEXT", "With all of these words in the id or the name"),
            Arg::new("free")
                .long("free")
                .action(ArgAction::SetTrue)
                .help("Those that cost nothing"),
            value("min-context", "TOKENS", "With a context of at least this").value_parser(value_parser!(NonZeroU32)),
            value(
                "max-price",
                "USD",
                "At most this per million tokens: the mean of prompt and answer",
            )
            .value_parser(max_price),
            value(
                "sort",
                "BY",
                "The order; context, created and popularity begin with the greatest",
            )
            .value_parser(PossibleValuesParser::new(SortBy::ALL.map(SortBy::as_str))),
            Arg::new("reverse")
                .long("reverse")
                .action(ArgAction::SetTrue)
                .help("The other way round"),
            value("limit", "N", "How many; 0: all")
                .value_parser(value_parser!(u32))
                .default_value("100"),
            Arg::new("unique")
                .long("unique")
                .action(ArgAction::SetTrue)
                .help("Each model once, whoever serves it"),
        ])
}

fn value(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn max_price(text: &str) -> Result<Price<Token>, String> {
    match Quote::UsdPerMillion.price(text) {
        Ok(Some(price)) => Ok(price),
        Ok(None) => Err("a price is not negative".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What is asked for.
struct Asked {
    filter: Filter,
    sort: Sort,
    limit: Option<u32>,
    unique: bool,
    json: bool,
}

pub(super) fn run(globals: &Globals, matches: &ArgMatches) -> Result<Exit, Failure> {
    let loaded = globals.start()?;
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let gateway = match text("gateway").as_deref() {
        None | Some("all") => Gateway::All,
        Some(name) => Gateway::Provider(provider(loaded.config.providers.registry.directory(), name)?),
    };
    let by = text("sort")
        .and_then(|word| SortBy::from_word(&word))
        .unwrap_or_default();
    let greatest_first = matches!(by, SortBy::Context | SortBy::Created | SortBy::Popularity);
    let asked = Asked {
        filter: Filter {
            gateway,
            provider: text("provider"),
            text: text("search"),
            free: matches.get_flag("free").then_some(true),
            min_context: matches.get_one::<NonZeroU32>("min-context").copied(),
            max_price: matches.get_one::<Price<Token>>("max-price").copied(),
            ..Filter::default()
        },
        sort: Sort {
            by,
            descending: greatest_first != matches.get_flag("reverse"),
        },
        limit: matches.get_one::<u32>("limit").copied().filter(|limit| *limit > 0),
        unique: matches.get_flag("unique"),
        json: globals.json,
    };
    block_on(Box::pin(list(&loaded, asked)))
}

async fn list(loaded: &Loaded, asked: Asked) -> Result<Exit, Failure> {
    let unique = unique_query(&asked)?;
    let query = Query {
        filter: asked.filter,
        sort: asked.sort,
        window: Window {
            start: Start::Offset(0),
            limit: asked.limit,
        },
    };
    let engine = open_for_reading(loaded).await?;
    let unreadable = |error: CatalogError| Failure::because("", &error);
    if asked.json {
        let extras = crate::routes::models::extras(false, query.filter.gateway == Gateway::All);
        let page = if asked.unique {
            engine.catalog.unique_page(&unique, UniqueShape::Models).await
        } else {
            engine.catalog.page(&query, &extras).await
        };
        print(page.map_err(unreadable)?)?;
        return Ok(Exit::Fine);
    }
    let snapshot = engine.catalog.snapshot().await.map_err(unreadable)?;
    let (table, total) = if asked.unique {
        uniques(&snapshot, &unique)
    } else {
        rows(&snapshot, &query)
    };
    output::table(&table)?;
    if output::is_terminal() || table.len() == 0 {
        output::note(&format!(
            "{} of {} models; prices in US dollars per million tokens",
            table.len(),
            thousands(total.into())
        ));
    }
    Ok(Exit::Fine)
}

fn print(page: Lookup<Page>) -> Result<(), Failure> {
    match page.value {
        Some(page) => output::parts(page.parts()),
        None => Err(Failure::new(Exit::Failed, "the page cannot be rendered")),
    }
}

fn unique_query(asked: &Asked) -> Result<UniqueQuery, Failure> {
    let usual = UniqueQuery::default();
    let (sort_by, descending) = match asked.sort.by {
        SortBy::Default => (usual.sort_by, usual.descending != asked.sort.descending),
        SortBy::Name => (UniqueSortBy::Name, asked.sort.descending),
        SortBy::Price => (UniqueSortBy::CheapestPrice, asked.sort.descending),
        SortBy::Popularity => (UniqueSortBy::ProviderCount, asked.sort.descending),
        SortBy::Context | SortBy::Created if !asked.unique => (usual.sort_by, usual.descending),
        other => {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "`--unique` cannot be sorted by {}; use name, price or popularity",
                    other.as_str()
                ),
            ));
        }
    };
    Ok(UniqueQuery {
        filter: asked.filter.clone(),
        sort_by,
        descending,
        limit: asked.limit,
        ..usual
    })
}

fn rows(snapshot: &Snapshot, query: &Query) -> (Table, u32) {
    let mut table = Table::new([
        left("id"),
        left("provider"),
        right("context"),
        right("in $/M"),
        right("out $/M"),
        left("modality"),
    ]);
    let selection = snapshot.select(query);
    for &at in &selection.rows {
        let Some(model) = snapshot.rows().get(at as usize) else {
            continue;
        };
        let context = model.context_length.map(|context| thousands(context.get().into()));
        table.row([
            &*model.id,
            model.provider.slug.as_str(),
            context.as_deref().unwrap_or("-"),
            &per_million(model.pricing.prompt),
            &per_million(model.pricing.completion),
            &model.modality(),
        ]);
    }
    (table, selection.total)
}

fn uniques(snapshot: &Snapshot, query: &UniqueQuery) -> (Table, u32) {
    let mut table = Table::new([
        left("model"),
        left("name"),
        right("providers"),
        right("cheapest in $/M"),
        left("cheapest"),
    ]);
    let page = snapshot.unique(query);
    for model in &page.models {
        let cheapest = model.cheapest().and_then(|at| snapshot.rows().get(at as usize));
        table.row([
            model.canonical(),
            model.name(),
            &model.provider_count().to_string(),
            &per_million(model.cheapest_prompt_price()),
            cheapest.map_or("-", |row| row.provider.slug.as_str()),
        ]);
    }
    (table, page.total)
}
