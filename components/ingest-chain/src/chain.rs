//! What the verdicts of two plugins on an object make together.

use framedb_core::{Attribute, Child, Envelope, Ingested, Judge, Object, Stage, merge_attributes};

/// How failures would name the first plugin; whoever called the chain finds them again.
const FIRST: Judge<'static> = Judge { plugin: "chain", stage: Stage::Ingest };

/// What became of the objects of a batch in the first plugin.
#[derive(Debug)]
pub struct Between {
    steps: Vec<Step>,
}

/// What became of one of them.
#[derive(Debug)]
enum Step {
    /// This is what the chain answers: it does not go on, or its verdict breaks a rule, which
    /// is for the caller to find.
    Ended(Ingested),
    /// It goes on.
    On(Found),
    /// These go on in its place.
    Split(Vec<Part>),
}

/// What the first plugin found of an object that goes on.
#[derive(Debug)]
struct Found {
    content_type: Option<String>,
    attributes: Vec<Attribute>,
    /// The payload, where the first plugin changed it.
    changed: Option<bytes::Bytes>,
}

/// A part that goes on, under a key that no longer depends on its place.
#[derive(Debug)]
struct Part {
    key: String,
    child: Child,
}

impl Between {
    /// Takes the verdicts of the first plugin; the objects that the second one is to judge.
    ///
    /// Answers nothing where the plugin did not answer once for each object.
    #[must_use]
    pub fn new(batch: Vec<Object>, verdicts: Vec<Ingested>) -> Option<(Self, Vec<Object>)> {
        if batch.len() != verdicts.len() {
            return None;
        }
        let mut next = Vec::with_capacity(batch.len());
        let steps = batch.into_iter().zip(verdicts).map(|(o, v)| after_first(o, v, &mut next));
        Some((Self { steps: steps.collect() }, next))
    }

    /// Takes the verdicts of the second plugin; those of the chain, one for each object.
    ///
    /// Answers nothing where the plugin did not answer once for each object.
    #[must_use]
    pub fn verdicts(self, seconds: Vec<Ingested>) -> Option<Vec<Ingested>> {
        let mut seconds = seconds.into_iter();
        let verdicts = self.steps.into_iter().map(|step| {
            Some(match step {
                Step::Ended(verdict) => verdict,
                Step::On(found) => found.then(seconds.next()?),
                Step::Split(parts) => {
                    let seconds: Vec<_> = seconds.by_ref().take(parts.len()).collect();
                    (seconds.len() == parts.len()).then(|| all(parts, seconds))?
                }
            })
        });
        let verdicts = verdicts.collect::<Option<Vec<_>>>()?;
        seconds.next().is_none().then_some(verdicts)
    }
}

fn after_first(object: Object, verdict: Ingested, next: &mut Vec<Object>) -> Step {
    let Object { envelope, data } = object;
    match verdict {
        Ingested::Accept { content_type, attributes } => {
            match with(&envelope, content_type.as_ref(), &attributes) {
                Some(envelope) => {
                    next.push(Object { envelope, data });
                    Step::On(Found { content_type, attributes, changed: None })
                }
                None => Step::Ended(Ingested::Accept { content_type, attributes }),
            }
        }
        Ingested::Changed { data, content_type, attributes } => {
            match with(&envelope, content_type.as_ref(), &attributes) {
                Some(envelope) => {
                    next.push(Object { envelope, data: data.clone() });
                    Step::On(Found { content_type, attributes, changed: Some(data) })
                }
                None => Step::Ended(Ingested::Changed { data, content_type, attributes }),
            }
        }
        Ingested::Split(children) => match parts(&envelope, &children) {
            Some(objects) => {
                let keys = objects.iter().map(|object| object.envelope.key.to_string());
                let parts = keys.zip(children).map(|(key, child)| Part { key, child }).collect();
                next.extend(objects);
                Step::Split(parts)
            }
            None => Step::Ended(Ingested::Split(children)),
        },
        ended @ (Ingested::Drop(_) | Ingested::Reject(_) | Ingested::Retry(_)) => {
            Step::Ended(ended)
        }
    }
}

/// An envelope with what a plugin found; none where it breaks a rule.
fn with(
    envelope: &Envelope,
    content_type: Option<&String>,
    added: &[Attribute],
) -> Option<Envelope> {
    let found = FIRST.findings(envelope, content_type.cloned(), added.to_vec()).ok()?;
    let mut envelope = envelope.clone();
    if let Some(content_type) = found.content_type {
        envelope.content_type = Some(content_type);
    }
    if let Some(attributes) = found.attributes {
        envelope.attributes = attributes;
    }
    Some(envelope)
}

/// The objects that an object was split into; none where one breaks a rule, or there are none.
fn parts(parent: &Envelope, children: &[Child]) -> Option<Vec<Object>> {
    let keys = FIRST.part_keys(&parent.key, children).ok().filter(|keys| !keys.is_empty())?;
    let part = |(n, (child, key)): (usize, (&Child, framedb_core::Key))| {
        let id = format!("{}/{n}", parent.id).into();
        let envelope = Envelope { id, key, content_type: None, ..parent.clone() };
        let envelope = with(&envelope, child.content_type.as_ref(), &child.attributes)?;
        Some(Object { envelope, data: child.data.clone() })
    };
    children.iter().zip(keys).enumerate().map(part).collect()
}

impl Found {
    /// The verdict of both.
    fn then(self, second: Ingested) -> Ingested {
        let Self { content_type: earlier, mut attributes, changed } = self;
        match second {
            Ingested::Accept { content_type, attributes: added } => {
                merge_attributes(&mut attributes, added);
                let content_type = content_type.or(earlier);
                match changed {
                    Some(data) => Ingested::Changed { data, content_type, attributes },
                    None => Ingested::Accept { content_type, attributes },
                }
            }
            Ingested::Changed { data, content_type, attributes: added } => {
                merge_attributes(&mut attributes, added);
                Ingested::Changed { data, content_type: content_type.or(earlier), attributes }
            }
            // Parts begin with what their parent has, and that the caller does not know yet.
            Ingested::Split(children) => Ingested::Split(
                children.into_iter().map(|child| inheriting(attributes.clone(), child)).collect(),
            ),
            ended @ (Ingested::Drop(_) | Ingested::Reject(_) | Ingested::Retry(_)) => ended,
        }
    }
}

/// The verdict on an object that the first plugin split: one part that is refused refuses it,
/// one that cannot be judged now delays it, those that are dropped are left out.
fn all(parts: Vec<Part>, seconds: Vec<Ingested>) -> Ingested {
    let mut children = Vec::with_capacity(parts.len());
    let mut later = None;
    for (Part { key, child }, second) in parts.into_iter().zip(seconds) {
        match second {
            Ingested::Accept { content_type, attributes } => {
                children.push(annotated(key, child, None, content_type, attributes));
            }
            Ingested::Changed { data, content_type, attributes } => {
                children.push(annotated(key, child, Some(data), content_type, attributes));
            }
            Ingested::Split(grandchildren) => {
                let named = grandchildren.into_iter().enumerate().map(|(n, grandchild)| Child {
                    key: Some(grandchild.key.clone().unwrap_or_else(|| format!("{key}/{n}"))),
                    ..inheriting(child.attributes.clone(), grandchild)
                });
                children.extend(named);
            }
            Ingested::Drop(_) => {}
            Ingested::Reject(reason) => return Ingested::Reject(format!("part `{key}`: {reason}")),
            Ingested::Retry(retry) => _ = later.get_or_insert(retry),
        }
    }
    later.map_or(Ingested::Split(children), Ingested::Retry)
}

/// A part with what the second plugin found of it.
fn annotated(
    key: String,
    mut child: Child,
    data: Option<bytes::Bytes>,
    content_type: Option<String>,
    added: Vec<Attribute>,
) -> Child {
    merge_attributes(&mut child.attributes, added);
    Child {
        key: Some(key),
        data: data.unwrap_or(child.data),
        content_type: content_type.or(child.content_type),
        attributes: child.attributes,
    }
}

/// A part with the attributes that its parent got in the chain.
fn inheriting(mut attributes: Vec<Attribute>, child: Child) -> Child {
    merge_attributes(&mut attributes, child.attributes);
    Child { attributes, ..child }
}

#[cfg(test)]
mod tests;
