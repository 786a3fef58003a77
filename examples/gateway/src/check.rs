//! `gateway check`: everything that is wrong with a configuration file.

use crate::{
    admin::Token,
    cli::CheckArgs,
    config::{self, AdminToken, environment},
    error::Error,
    registry::Registry,
    tls,
};

/// What is printed if nothing is wrong; else one error for each thing that is.
pub(crate) fn run(args: &CheckArgs) -> Result<String, Vec<Error>> {
    let path = args.config.clone().or_else(|| environment::path("config"));
    let path = path.ok_or_else(|| vec![Error::new("gateway check needs --config or LMQ_CONFIG")])?;
    let (config, problems) = config::merge_file(&path).map_err(|e| vec![e])?;
    let mut errors: Vec<_> = problems.iter().map(Error::new).collect();
    if let Some(files) = &config.tls {
        errors.extend(tls::load(files).err());
    }
    if let AdminToken::File(path) = &config.admin.token {
        errors.extend(Token::read(path).err());
    }
    if errors.is_empty() {
        errors.extend(Registry::open(&config.instances, false, None).err());
    }
    if errors.is_empty() { Ok(format!("{}: no problem found\n", path.display())) } else { Err(errors) }
}
