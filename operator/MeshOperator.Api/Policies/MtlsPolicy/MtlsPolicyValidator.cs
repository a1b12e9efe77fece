using System.Globalization;
using FluentValidation;
using MeshOperator.Api.Validation;

namespace MeshOperator.Api.Policies;

/// <summary>What a MtlsPolicy must fulfil besides its schema; the same rules in the webhook and in the reconciler.</summary>
public sealed class MtlsPolicyValidator : AbstractValidator<MtlsPolicySpec>
{
    /// <summary>The suites of TLS 1.2 that BoringSSL has, in Envoy's documentation of <c>cipher_suites</c>.</summary>
    private static readonly string[] CipherSuites =
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    ];

    /// <summary>Makes the validator.</summary>
    public MtlsPolicyValidator()
    {
        RuleFor(m => m.Selector)
            .Must(s => s is null or { MatchLabels.Count: > 0 })
            .WithMessage("matchLabels is empty; set at least one label, or omit spec.selector to select all pods");
        RuleForEach(m => m.PortModes)
            .OverrideIndexer((_, _, entry, _) => $"[{entry.Key}]")
            .Must(p => int.TryParse(p.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65535)
            .WithMessage((_, p) => $"'{p.Key}' is not a port; use a number from 1 to 65535");

        // An empty list comes for example from a template's loop without items. Read as "no list", it would let everybody in.
        RuleFor(m => m.Allow)
            .Must(a => a is null or { Count: > 0 })
            .WithMessage(
                "the list is empty; omit allow to let everybody call, or to refuse all calls write deny: [{ports: […]}] with the "
                    + "ports of the workload"
            );
        RuleForEach(m => m.Allow).SetValidator(new AccessRuleValidator());
        RuleForEach(m => m.Deny).SetValidator(new AccessRuleValidator());
        When(
            m => m.Tls is not null,
            () =>
            {
                RuleFor(m => m.Tls!.MinVersion)
                    .Must(v => v is null or "1.2" or "1.3")
                    .WithMessage((_, version) => $"'{version}' is not a supported TLS version; use 1.2 or 1.3");
                RuleFor(m => m.Tls!.CipherSuites)
                    .Must((m, suites) => m.Tls!.MinVersion != "1.3" || suites is null or { Count: 0 })
                    .WithMessage("cipher suites apply only to TLS 1.2, which minVersion 1.3 excludes; omit cipherSuites");
                RuleForEach(m => m.Tls!.CipherSuites)
                    .Must(s => CipherSuites.Contains(s))
                    .WithMessage(
                        (_, suite) => $"'{suite}' is not a cipher suite that proxies support; use any of {string.Join(", ", CipherSuites)}"
                    );
            }
        );
    }

    private sealed class AccessRuleValidator : AbstractValidator<AccessRule>
    {
        public AccessRuleValidator()
        {
            RuleFor(r => r)
                .Must(r => r is not { Identities: null, ServiceAccounts: null, Namespaces: null, Ports: null, Methods: null, Paths: null })
                .WithMessage("the rule is empty; set at least one field");
            RuleFor(r => r.Identities).NamesSomething();
            RuleFor(r => r.ServiceAccounts).NamesSomething();
            RuleFor(r => r.Namespaces).NamesSomething();
            RuleFor(r => r.Ports).NamesSomething();
            RuleFor(r => r.Methods).NamesSomething();
            RuleFor(r => r.Paths).NamesSomething();
            RuleForEach(r => r.Identities)
                .Must(i =>
                    i.StartsWith("spiffe://", StringComparison.Ordinal)
                    && i.IndexOf('*', StringComparison.Ordinal) is var star
                    && (star < 0 || star == i.Length - 1)
                )
                .WithMessage(
                    (_, identity) =>
                        $"'{identity}' is not an identity; write spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT, with a * only "
                        + "at the end"
                );
            RuleForEach(r => r.Ports)
                .InclusiveBetween(1, 65535)
                .WithMessage((_, port) => $"{port} is not a port; use a number from 1 to 65535");
            RuleForEach(r => r.Paths)
                .Must(p => p.StartsWith('/') && p.IndexOf('*', StringComparison.Ordinal) is var star && (star < 0 || star == p.Length - 1))
                .WithMessage((_, path) => $"'{path}' is not a path; begin it with '/', and use a * only at the end")
                .Must(p => !PolicyRules.HasQuery(p))
                .WithMessage((_, path) => $"'{path}' has a query or fragment, which is not part of the path; remove it");
        }
    }
}
