//! Functions that only compute.
//!
//! Not here, and so refused unless a grant names them: what waits (`sleep`, `benchmark`,
//! `master_pos_wait`), locks (`get_lock`), reads files (`load_file`), tells of the server, the
//! user or the session that callers share (`version`, `user`, `last_insert_id`), takes apart
//! XML, and whatever was stored in a database or loaded into a server.

use super::{Walk, Walker, names, values};
use crate::grants::{pattern::line, refusal::shown};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    ObjectNamePart, WindowFrameBound, WindowSpec, WindowType,
};

use super::{absent, not_taken};

/// In order, so that they are found.
const FUNCTIONS: &[&str] = &[
    "abs",
    "acos",
    "adddate",
    "addtime",
    "any_value",
    "ascii",
    "asin",
    "atan",
    "atan2",
    "avg",
    "bin",
    "bin_to_uuid",
    "bit_and",
    "bit_count",
    "bit_length",
    "bit_or",
    "bit_xor",
    "ceil",
    "ceiling",
    "char",
    "char_length",
    "character_length",
    "coalesce",
    "concat",
    "concat_ws",
    "conv",
    "convert_tz",
    "cos",
    "cot",
    "count",
    "crc32",
    "cume_dist",
    "curdate",
    "current_date",
    "current_time",
    "current_timestamp",
    "curtime",
    "date",
    "date_add",
    "date_format",
    "date_sub",
    "datediff",
    "day",
    "dayname",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "default",
    "degrees",
    "dense_rank",
    "elt",
    "exp",
    "field",
    "find_in_set",
    "first_value",
    "floor",
    "format",
    "from_base64",
    "from_days",
    "from_unixtime",
    "greatest",
    "group_concat",
    "grouping",
    "hex",
    "hour",
    "if",
    "ifnull",
    "inet6_aton",
    "inet6_ntoa",
    "inet_aton",
    "inet_ntoa",
    "insert",
    "instr",
    "is_ipv4",
    "is_ipv6",
    "is_uuid",
    "isnull",
    "json_array",
    "json_array_append",
    "json_array_insert",
    "json_arrayagg",
    "json_contains",
    "json_contains_path",
    "json_depth",
    "json_extract",
    "json_insert",
    "json_keys",
    "json_length",
    "json_merge_patch",
    "json_merge_preserve",
    "json_object",
    "json_objectagg",
    "json_overlaps",
    "json_pretty",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_search",
    "json_set",
    "json_type",
    "json_unquote",
    "json_valid",
    "json_value",
    "lag",
    "last_day",
    "last_value",
    "lcase",
    "lead",
    "least",
    "left",
    "length",
    "ln",
    "localtime",
    "localtimestamp",
    "locate",
    "log",
    "log10",
    "log2",
    "lower",
    "lpad",
    "ltrim",
    "makedate",
    "maketime",
    "max",
    "md5",
    "microsecond",
    "mid",
    "min",
    "minute",
    "mod",
    "month",
    "monthname",
    "now",
    "nth_value",
    "ntile",
    "nullif",
    "oct",
    "octet_length",
    "ord",
    "percent_rank",
    "period_add",
    "period_diff",
    "pi",
    "position",
    "pow",
    "power",
    "quarter",
    "quote",
    "radians",
    "rand",
    "rank",
    "regexp_instr",
    "regexp_like",
    "regexp_replace",
    "regexp_substr",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "row_number",
    "rpad",
    "rtrim",
    "sec_to_time",
    "second",
    "sha",
    "sha1",
    "sha2",
    "sign",
    "sin",
    "soundex",
    "space",
    "sqrt",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "str_to_date",
    "strcmp",
    "subdate",
    "substr",
    "substring",
    "substring_index",
    "subtime",
    "sum",
    "sysdate",
    "tan",
    "time",
    "time_format",
    "time_to_sec",
    "timediff",
    "timestamp",
    "timestampadd",
    "timestampdiff",
    "to_base64",
    "to_days",
    "to_seconds",
    "trim",
    "truncate",
    "ucase",
    "unhex",
    "unix_timestamp",
    "upper",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "uuid",
    "uuid_to_bin",
    "values",
    "var_pop",
    "var_samp",
    "variance",
    "week",
    "weekday",
    "weekofyear",
    "year",
    "yearweek",
];

impl Walker<'_> {
    pub(super) fn function(&mut self, function: &mut Function) -> Walk {
        let Function {
            name,
            uses_odbc_syntax,
            parameters,
            args,
            within_group,
            filter,
            null_treatment,
            over,
        } = function;
        absent(!*uses_odbc_syntax, "`{fn …}`")?;
        absent(matches!(parameters, FunctionArguments::None), "parameters of a function")?;
        absent(within_group.is_empty() && filter.is_none(), "such an aggregate")?;
        absent(null_treatment.is_none(), "such a treatment of NULL")?;
        let idents = name.0.iter().filter_map(ObjectNamePart::as_ident);
        let plain = idents.filter(|ident| names::is_plain(ident)).count() == name.0.len();
        // In quotes it would be a stored function, whatever it is called.
        absent(plain && !name.0.is_empty(), "such a function's name")?;
        let lower = name.to_string().to_ascii_lowercase();
        self.is_granted(&lower)?;
        self.arguments(&lower, args)?;
        match over {
            None => Ok(()),
            Some(WindowType::NamedWindow(ident)) => names::quote(ident),
            Some(WindowType::WindowSpec(window)) => self.window(window),
        }
    }

    fn is_granted(&self, name: &str) -> Walk {
        let granted = &self.guard.functions;
        if FUNCTIONS.binary_search(&name).is_ok()
            || granted.iter().any(|granted| granted == name || granted == "*")
        {
            return Ok(());
        }
        let name = shown(name.as_bytes());
        let what = format!("the SQL function `{name}` is not granted");
        Err(self.guard.section.refuse(what, line("functions", granted.clone(), &name)))
    }

    fn arguments(&mut self, name: &str, arguments: &mut FunctionArguments) -> Walk {
        let list = match arguments {
            FunctionArguments::None => return Ok(()),
            FunctionArguments::Subquery(_) => return Err(not_taken("a query as an argument")),
            FunctionArguments::List(list) => list,
        };
        let takes_unit = matches!(name, "timestampadd" | "timestampdiff");
        for (position, argument) in list.args.iter_mut().enumerate() {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {
                    absent(name == "count", "such an argument")?;
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(ident)))
                    if takes_unit && position == 0 =>
                {
                    absent(values::is_unit(ident), "such a unit of time")?;
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.expr(expr)?,
                _ => return Err(not_taken("such an argument")),
            }
        }
        for clause in &mut list.clauses {
            match clause {
                FunctionArgumentClause::OrderBy(order) => self.order(order)?,
                FunctionArgumentClause::Separator(text) => values::value(&mut text.value)?,
                _ => return Err(not_taken("such an argument")),
            }
        }
        Ok(())
    }

    pub(super) fn window(&mut self, window: &mut WindowSpec) -> Walk {
        let WindowSpec { window_name, partition_by, order_by, window_frame } = window;
        window_name.iter_mut().try_for_each(names::quote)?;
        self.exprs(partition_by)?;
        self.order(order_by)?;
        let Some(frame) = window_frame else { return Ok(()) };
        let bounds = std::iter::once(&mut frame.start_bound).chain(&mut frame.end_bound);
        for bound in bounds {
            match bound {
                WindowFrameBound::CurrentRow => {}
                WindowFrameBound::Preceding(expr) | WindowFrameBound::Following(expr) => {
                    expr.iter_mut().try_for_each(|expr| self.expr(expr))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::FUNCTIONS;

    #[test]
    fn functions_are_in_order_so_that_they_are_found() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn what_waits_locks_or_tells_is_not_among_them() {
        for name in ["sleep", "benchmark", "get_lock", "load_file", "user", "last_insert_id"] {
            assert!(!FUNCTIONS.contains(&name), "{name}");
        }
    }
}
