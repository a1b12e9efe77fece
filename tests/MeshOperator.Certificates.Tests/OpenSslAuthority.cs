using MeshOperator.Testing;
using Shouldly;

namespace MeshOperator.Certificates.Tests;

/// <summary>An authority that OpenSSL made, as a user's own would be.</summary>
internal sealed record OpenSslAuthority(string Folder, string Name)
{
    public const string Authority = "basicConstraints=critical,CA:TRUE";
    public const string Signs = "keyUsage=critical,keyCertSign,cRLSign";

    public string Certificate => File.ReadAllText(CertificatePath);

    /// <summary>PKCS #8.</summary>
    public string Key => File.ReadAllText(KeyPath);

    public string CertificatePath => Path.Combine(Folder, Name + ".crt");

    public string KeyPath => Path.Combine(Folder, Name + ".key");

    /// <summary>Makes a root, or an authority under another one.</summary>
    /// <param name="folder">Where its files are.</param>
    /// <param name="name">Its common name.</param>
    /// <param name="issuer">Who signs it; null for itself.</param>
    /// <param name="key">The algorithm, as <c>openssl req -newkey</c> takes it.</param>
    /// <param name="extensions">Its extensions; those of an authority if none is given.</param>
    public static async Task<OpenSslAuthority> MakeAsync(
        DirectoryInfo folder,
        string name,
        OpenSslAuthority? issuer = null,
        string[]? key = null,
        string[]? extensions = null
    )
    {
        var made = new OpenSslAuthority(folder.FullName, name);
        var settings = Path.Combine(folder.FullName, name + ".cnf");
        string[] lines =
        [
            "[req]",
            "prompt=no",
            "distinguished_name=dn",
            "x509_extensions=ext",
            "[dn]",
            $"CN={name}",
            "[ext]",
            "subjectKeyIdentifier=hash",
            "authorityKeyIdentifier=keyid",
            .. extensions ?? [Authority, Signs],
        ];
        await File.WriteAllLinesAsync(settings, lines);
        string[] signedBy = issuer is null ? [] : ["-CA", issuer.CertificatePath, "-CAkey", issuer.KeyPath];
        string[] newKey = key ?? ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        var (status, output) = await OpenSsl.RunAsync([
            "req",
            "-x509",
            "-new",
            .. newKey,
            "-nodes",
            "-config",
            settings,
            "-days",
            "365",
            "-keyout",
            made.KeyPath,
            "-out",
            made.CertificatePath,
            .. signedBy,
        ]);
        status.ShouldBe(0, output);
        return made;
    }

    /// <summary>The files of its Secret under a root, as cert-manager lays them out.</summary>
    public CertificateAuthorityFiles Under(OpenSslAuthority root, params OpenSslAuthority[] between) =>
        new(Certificate + string.Concat(between.Select(b => b.Certificate)), Key, root.Certificate);

    /// <summary>The files of its Secret when it is a root.</summary>
    public CertificateAuthorityFiles AsRoot() => new(Certificate, Key, Certificate);
}
