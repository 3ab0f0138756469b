//! The policies with operators' changes made.

use drl_core::policy::{Policies, Policy};
use serde_json::Value;

use super::changes::{Changes, PolicyId};
use crate::config::{self, Config};

/// A change that makes no sense with the file as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) id: PolicyId,
    pub(crate) reason: String,
}

/// What the files say, with every change made that makes sense.
pub(super) fn effective(files: &Config, changes: &Changes) -> (Config, Vec<Refused>) {
    let (mut config, mut refused) = (files.clone(), Vec::new());
    for (id, patch) in changes.iter() {
        let patched = match files.source(&id.domain, &id.policy) {
            None => Err("there is no such policy any more".to_owned()),
            Some(source) => {
                config::patch(source, &Value::Object(patch.clone())).map_err(|error| error.to_string())
            }
        };
        if let Err(reason) = patched.and_then(|policy| put(&mut config.domains, &id.domain, policy)) {
            refused.push(Refused { id: id.clone(), reason });
        }
    }
    (config, refused)
}

fn put(domains: &mut [Policies], domain: &str, policy: Policy) -> Result<(), String> {
    let Some(policies) = domains.iter_mut().find(|policies| policies.domain() == domain) else {
        return Err("there is no such domain any more".to_owned());
    };
    let mut list = policies.list().to_vec();
    list.iter_mut().filter(|old| old.name() == policy.name()).for_each(|old| *old = policy.clone());
    *policies = Policies::new(domain, list).map_err(|error| error.to_string())?;
    Ok(())
}
