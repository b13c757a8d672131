//! The body of `POST /sessions/{id}/stream` (PROTOCOL §1, "A turn"), and its rules.

use axum::http::HeaderMap;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::extract::check_message_id;
use crate::agent::conversation;
use crate::error::ApiError;
use crate::registry::{Action, Said, Sent, Settlement};
use crate::store::{Role, can_be_stored};

/// See the module.
#[derive(Deserialize)]
pub struct SendBody {
    message: Option<String>,
    is_user_message: Option<bool>,
    context: Option<Context>,
    message_id: Option<String>,
    parts: Option<Vec<Value>>,
    metadata: Option<Value>,
    body: Option<Map<String, Value>>,
    #[serde(default)]
    trigger: Trigger,
    replaces: Option<String>,
    tool_outputs: Option<Vec<ToolOutput>>,
    approvals: Option<Vec<Approval>>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Trigger {
    #[default]
    Submit,
    Regenerate,
    Edit,
    Continue,
}

/// Where the user was.
#[derive(Deserialize)]
struct Context {
    url: Option<String>,
    content: Option<Value>,
}

#[derive(Deserialize)]
struct ToolOutput {
    tool_call_id: String,
    /// `null` is an output as well.
    #[serde(default, deserialize_with = "given")]
    output: Option<Value>,
    error_text: Option<String>,
}

#[derive(Deserialize)]
struct Approval {
    approval_id: String,
    approved: bool,
    reason: Option<String>,
}

fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl SendBody {
    /// The send that the body asks for. Its text may have `longest` bytes.
    ///
    /// # Errors
    /// A field is missing, too long, or does not belong to the trigger.
    pub fn check(mut self, longest: usize, headers: HeaderMap) -> Result<Sent, ApiError> {
        self.message_id.as_deref().map_or(Ok(()), check_message_id)?;
        if !self.values().all(can_be_stored) || !self.body.iter().flat_map(Map::values).all(can_be_stored) {
            return refused("A value is nested too deep.");
        }
        self.check_belongs()?;
        let action = match self.trigger {
            Trigger::Submit => Action::Submit(self.said(longest)?),
            Trigger::Edit => Action::Edit { replaces: self.replaces()?, said: self.said(longest)? },
            Trigger::Regenerate => Action::Regenerate { replaces: self.replaces()? },
            Trigger::Continue => Action::Continue(self.settlements()?),
        };
        Ok(Sent {
            action,
            context: self.context.map(|context| json!({ "url": context.url, "content": context.content })),
            message_id: self.message_id,
            body: self.body.unwrap_or_default(),
            headers,
        })
    }

    /// All of the app's own values that are stored.
    fn values(&self) -> impl Iterator<Item = &Value> {
        let outputs = self.tool_outputs.iter().flatten().filter_map(|output| output.output.as_ref());
        self.parts.iter().flatten().chain(&self.metadata).chain(outputs)
    }

    /// Refuses fields of another trigger, which would be ignored.
    fn check_belongs(&self) -> Result<(), ApiError> {
        let replaces = matches!(self.trigger, Trigger::Regenerate | Trigger::Edit);
        if self.replaces.is_some() && !replaces {
            return refused("`replaces` goes with the triggers `regenerate` and `edit`.");
        }
        if (self.tool_outputs.is_some() || self.approvals.is_some()) && self.trigger != Trigger::Continue {
            return refused("`tool_outputs` and `approvals` go with the trigger `continue`.");
        }
        if self.is_user_message == Some(false) && self.trigger != Trigger::Submit {
            return refused("`is_user_message: false` goes with the trigger `submit`.");
        }
        Ok(())
    }

    fn said(&mut self, longest: usize) -> Result<Said, ApiError> {
        let Some(message) = self.message.take() else { return refused("`message` is missing.") };
        let given = self.parts.take().filter(|parts| !parts.is_empty());
        if message.is_empty() && given.is_none() {
            return refused("`message` is empty, and there are no `parts`.");
        }
        let parts = given.unwrap_or_else(|| vec![json!({ "type": "text", "text": message })]);
        if !parts.iter().all(|part| part["type"].is_string()) {
            return refused("`parts` has to be a list of objects with a `type`.");
        }
        let text = if message.is_empty() { conversation::text(&parts) } else { message };
        if text.len() > longest {
            return Err(ApiError::MessageTooLarge(longest));
        }
        let role = if self.is_user_message.unwrap_or(true) { Role::User } else { Role::Assistant };
        Ok(Said { text, role, parts, metadata: self.metadata.take() })
    }

    fn replaces(&mut self) -> Result<String, ApiError> {
        match self.replaces.take() {
            Some(id) if Some(&id) == self.message_id.as_ref() => refused("`message_id` has to be a new one."),
            Some(id) => Ok(id),
            None => refused("`replaces` is missing."),
        }
    }

    fn settlements(&mut self) -> Result<Vec<Settlement>, ApiError> {
        let outputs = self.tool_outputs.take().unwrap_or_default().into_iter().map(ToolOutput::settlement);
        let approvals = self.approvals.take().unwrap_or_default().into_iter().map(|approval| Settlement::Approval {
            id: approval.approval_id,
            approved: approval.approved,
            reason: approval.reason,
        });
        let settlements = outputs.chain(approvals.map(Ok)).collect::<Result<Vec<_>, _>>()?;
        let is_double = |at: usize, one: &Settlement| settlements.iter().take(at).any(|other| other.settles_with(one));
        if settlements.iter().enumerate().any(|(at, settlement)| is_double(at, settlement)) {
            return refused("A tool call is settled twice.");
        }
        if settlements.is_empty() {
            return refused("`continue` needs `tool_outputs` or `approvals`.");
        }
        Ok(settlements)
    }
}

impl ToolOutput {
    fn settlement(self) -> Result<Settlement, ApiError> {
        let call = self.tool_call_id;
        match (self.output, self.error_text) {
            (Some(output), None) => Ok(Settlement::Output { call, output }),
            (None, Some(error_text)) => Ok(Settlement::Failure { call, error_text }),
            _ => refused("A tool output has either `output` or `error_text`."),
        }
    }
}

fn refused<T>(why: &str) -> Result<T, ApiError> {
    Err(ApiError::InvalidRequest(why.into()))
}
